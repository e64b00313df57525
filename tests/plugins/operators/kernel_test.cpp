// Kernels against closed forms of optics, their own statistics, and the messages a user meets.

#include <unistd.h>

#include <cmath>
#include <filesystem>

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/dataset.h>
#include <pellucid/operator.h>
#include <pellucid/stage.h>
#include <pellucid/testing.h>

namespace pellucid {
namespace {

using testing::load_linear_operator;
using testing::message_of;
using testing::Settings;

const char* const kUse = "operators/kernel";
constexpr Out<Tensor> kKernel{"kernel", ""};

Value choice(const std::string& name, Settings settings) {
  return Value::map({{name, Value::map(std::move(settings))}});
}

/// Settings with some replaced or added.
Settings with(Settings settings, const Settings& others) {
  for (const Value::Entry& other : others) {
    std::erase_if(settings, [&](const Value::Entry& entry) { return entry.key == other.key; });
    settings.push_back(other);
  }
  return settings;
}

Value list(std::vector<Value> items) { return Value::list(std::move(items)); }

/// The kernel that a convolution has, in double precision and not divided by its sum; one channel.
Tensor kernel_of(const Value& kernel, int dimensions = 2) {
  const auto a =
      load_linear_operator("operators/convolution",
                           {{"kernel", kernel}, {"dimensions", dimensions}, {"normalize", false}});
  return dynamic_cast<const ConvolutionOperator&>(*a).kernel()[0][0];
}

std::vector<std::int64_t> size_of(const Value& kernel, int dimensions = 2) {
  const auto a = load_linear_operator("operators/convolution",
                                      {{"kernel", kernel}, {"dimensions", dimensions}});
  return dynamic_cast<const ConvolutionOperator&>(*a).kernel_size();
}

Tensor kernels(const Settings& settings, std::int64_t first = 0, std::int64_t count = -1) {
  return testing::run_stage(kUse, settings, {}, first, count)[kKernel];
}

double difference(const Tensor& a, const Tensor& b) { return (a - b).abs().max().item<double>(); }
double number(const Tensor& tensor) { return tensor.item<double>(); }

// wavelength / na = 1000 nm.
const Settings kAiry{{"wavelength", 500}, {"na", 0.5}, {"pixel", 1}, {"size", list({1, 2401})}};

TEST(Kernel, of_a_lens_in_focus_is_dark_first_at_0_61_wavelengths_over_na) {
  const Tensor profile = kernel_of(choice("airy", kAiry))[0].narrow(0, 1200, 1201);
  EXPECT_NEAR(number(profile[0]), 1, 1e-14);
  const Tensor ring = profile.narrow(0, 400, 400);
  EXPECT_NEAR(number(ring.argmin()) + 400, 609.83, 1);  // 3.8317 / 2 pi
  EXPECT_LT(number(ring.min()), 1e-6);
  EXPECT_NEAR(number(profile.narrow(0, 700, 300).max()), 0.0175, 1e-4);  // the first ring
  EXPECT_NEAR(2 * number((profile.narrow(0, 0, 600) > 0.5).sum()), 514.5, 2);
}

TEST(Kernel, of_a_lens_in_focus_holds_96_percent_of_the_light_if_no_size_is_given) {
  const Tensor kernel =
      kernel_of(choice("airy", {{"wavelength", 500}, {"na", 0.5}, {"pixel", 100}}));
  EXPECT_EQ(kernel.sizes(), at::IntArrayRef({55, 55}));
  // The whole plane sums to (wavelength / na)^2 / pi, in squares of pixels.
  EXPECT_NEAR(number(kernel.sum()) / (100 / M_PI), 0.965, 0.005);
}

TEST(Kernel, oversampled_is_the_mean_over_points_of_the_pixel) {
  const Settings coarse{{"wavelength", 500},
                        {"na", 0.5},
                        {"pixel", 300},
                        {"size", list({5, 4})},
                        {"oversampling", 3}};
  const Settings fine =
      with(coarse, {{"pixel", 100}, {"size", list({15, 13})}, {"oversampling", 1}});
  const Tensor points = kernel_of(choice("airy", fine));
  const Tensor pixels = kernel_of(choice("airy", coarse));
  // The centre of an even size is right of the middle.
  EXPECT_LT(
      difference(pixels.narrow(1, 1, 3), points.narrow(1, 2, 9).view({5, 3, 3, 3}).mean({1, 3})),
      1e-14);
}

TEST(Kernel, of_a_lens_out_of_focus_is_the_area_of_each_pixel_inside_of_a_circle) {
  for (const double radius : {0.3, 0.5, 1.0, 2.7, 6.25}) {
    const Tensor kernel = kernel_of(choice("disk", {{"radius", radius}}));
    const std::int64_t n = kernel.size(0);
    EXPECT_NEAR(number(kernel.sum()), 1, 1e-13) << radius;
    EXPECT_LT(difference(kernel, kernel.t()), 1e-15);
    EXPECT_LT(difference(kernel, kernel.flip({0})), 1e-15);
    const std::int64_t fine = 100;
    const Tensor points =
        (at::arange(n * fine, at::kDouble) + 0.5) / double(fine) - 0.5 * double(n);
    const Tensor inside =
        (points.square().unsqueeze(1) + points.square() <= radius * radius).to(at::kDouble);
    const Tensor counted = inside.view({n, fine, n, fine}).mean({1, 3});
    EXPECT_LT(difference(kernel * (M_PI * radius * radius), counted), 4e-3) << radius;
  }
}

const Settings kObjective{
    {"na", 0.8}, {"pixel", 50}, {"step", 100}, {"index", 1.33}, {"size", list({9, 41, 43})}};
const Settings kWidefield = with(kObjective, {{"wavelength", 520}});

TEST(Kernel, of_a_microscope_is_in_focus_that_of_a_lens) {
  const Tensor volume = kernel_of(choice("widefield", kWidefield), 3);
  const Tensor plane = kernel_of(
      choice("airy", {{"wavelength", 520}, {"na", 0.8}, {"pixel", 50}, {"size", list({41, 43})}}));
  EXPECT_LT(difference(volume[4], plane), 1e-12);
}

TEST(Kernel, of_a_microscope_has_the_same_light_in_each_plane) {
  // So wide that little is outside, which is what a missing cone of frequencies means.
  const Tensor volume =
      kernel_of(choice("widefield", with(kWidefield, {{"pixel", 150},
                                                      {"step", 250},
                                                      {"index", 1.0},
                                                      {"na", 0.5},
                                                      {"size", list({13, 161, 161})}})),
                3);
  const Tensor light = volume.sum({1, 2});
  EXPECT_LT(number((light / light[6] - 1).abs().max()), 0.01);
  EXPECT_LT(number(volume[0].max()), 0.7 * number(volume[6].max()));  // though it is spread
}

TEST(Kernel, of_a_microscope_is_on_the_axis_a_squared_sinc_if_na_is_small) {
  // h(0, z) = sinc^2(u / 4), u = k na^2 z / index.
  const double na = 0.05, index = 1.33, wavelength = 500, step = 20000;
  const Tensor axis = kernel_of(choice("widefield", {{"wavelength", wavelength},
                                                     {"na", na},
                                                     {"index", index},
                                                     {"pixel", 100},
                                                     {"step", step},
                                                     {"size", list({81, 1, 1})}}),
                                3)
                          .flatten();
  const Tensor z = step * (at::arange(81, at::kDouble) - 40);
  const Tensor expected = at::sinc(z * (na * na / (2 * wavelength * index))).square();
  EXPECT_LT(difference(axis, expected), 1e-3);
  EXPECT_LT(number(expected.min()), 1e-3);  // the first zeros are inside
}

TEST(Kernel, of_a_microscope_is_as_long_above_as_below_only_if_the_indices_match) {
  const auto asymmetry = [](const Settings& others) {
    const Tensor volume = kernel_of(choice("widefield", with(kWidefield, others)), 3);
    return difference(volume, volume.flip({0}));
  };
  EXPECT_LT(asymmetry({}), 1e-13);
  EXPECT_LT(asymmetry({{"depth", 20}}), 1e-13);
  EXPECT_LT(asymmetry({{"sample", 1.4}}), 1e-13);
  EXPECT_GT(asymmetry({{"sample", 1.4}, {"depth", 20}}), 0.1);
}

TEST(Kernel, of_a_microscope_is_refined_by_no_more_nodes) {
  // Twice the size has more nodes in the integral over the pupil.
  const Settings aberrated = with(kWidefield, {{"sample", 1.4}, {"depth", 50}});
  const Tensor some = kernel_of(choice("widefield", aberrated), 3);
  const Tensor more =
      kernel_of(choice("widefield", with(aberrated, {{"size", list({19, 81, 83})}})), 3);
  EXPECT_LT(difference(more.narrow(0, 5, 9).narrow(1, 20, 41).narrow(2, 20, 43), some), 1e-12);
}

const Settings kConfocal = with(kObjective, {{"excitation", 488}, {"emission", 520}});

TEST(Kernel, confocal_is_excitation_times_emission_if_the_pinhole_is_a_point) {
  const Tensor volume = kernel_of(choice("confocal", with(kConfocal, {{"pinhole", 0}})), 3);
  const auto widefield = [](int wavelength) {
    return kernel_of(choice("widefield", with(kObjective, {{"wavelength", wavelength}})), 3);
  };
  EXPECT_LT(difference(volume, widefield(488) * widefield(520)), 1e-15);
}

TEST(Kernel, confocal_is_that_of_the_excitation_if_the_pinhole_is_wide_open) {
  const auto shape = [](const Tensor& volume) { return volume / volume.max(); };
  const Tensor open = kernel_of(choice("confocal", with(kConfocal, {{"pinhole", 8}})), 3);
  const Tensor one = kernel_of(choice("confocal", with(kConfocal, {{"pinhole", 1}})), 3);
  const Tensor excited = kernel_of(choice("widefield", with(kObjective, {{"wavelength", 488}})), 3);
  EXPECT_LT(difference(shape(open), shape(excited)), 0.01);
  EXPECT_GT(difference(shape(one), shape(excited)), 0.05);
}

TEST(Kernel, takes_lengths_in_any_unit) {
  const Settings micrometres =
      with(kWidefield, {{"wavelength", "0.52 um"}, {"pixel", "0.05 um"}, {"step", "0.1 um"}});
  EXPECT_LT(difference(kernel_of(choice("widefield", micrometres), 3),
                       kernel_of(choice("widefield", kWidefield), 3)),
            1e-12);
}

TEST(Kernel, of_a_microscope_knows_its_sizes_and_spacing_while_planning) {
  const auto component = testing::load_component(
      kUse,
      {{"kernel",
        choice("widefield",
               {{"wavelength", 500}, {"na", 0.5}, {"index", 1.0}, {"pixel", 100}, {"step", 500}})},
       {"dimensions", 3}});
  Specs specs;
  dynamic_cast<const Stage&>(*component).infer({}, specs);
  const Spec spec = specs[kKernel];
  EXPECT_EQ(spec.axes, "czyx");
  // Along z 4 wavelength / na^2 = 8 um; around it 2.62 um and the cone of 8 um / sqrt(3).
  EXPECT_EQ(spec.shape, (std::vector<std::int64_t>{1, 33, 147, 147}));
  EXPECT_EQ(spec.spacing, (std::vector<double>{1, 500, 100, 100}));
  EXPECT_EQ(spec.spacing_unit, "nm");
}

TEST(Kernel, of_a_moving_camera_is_a_path_of_its_length) {
  // What never forgets its direction moves straight on, and about evenly.
  const Tensor all =
      kernels({{"kernel", choice("motion", {{"length", 40}, {"smoothness", 10}})}, {"items", 20}})
          .to(at::kDouble);
  EXPECT_EQ(all.sizes(), at::IntArrayRef({20, 1, 41, 41}));
  EXPECT_GE(number(all.min()), 0);
  EXPECT_LT(difference(all.sum({1, 2, 3}), at::ones({20}, at::kDouble)), 1e-6);
  const Tensor place = at::arange(41, at::kDouble) - 20;
  const auto mean = [&](const Tensor& values) { return (all.squeeze(1) * values).sum({1, 2}); };
  const Tensor x = place.unsqueeze(0).expand({41, 41}), y = x.t();
  const Tensor spread = mean(x * x) + mean(y * y) - mean(x).square() - mean(y).square();
  EXPECT_NEAR(number(spread.median()), 40 * 40 / 12.0, 30);
}

TEST(Kernel, of_a_moving_camera_is_another_for_each_item_and_the_same_in_every_block) {
  const Settings settings{{"kernel", "motion"}, {"items", 5}};
  const Tensor all = kernels(settings);
  EXPECT_EQ(all.sizes(), at::IntArrayRef({5, 1, 21, 21}));
  for (int item = 1; item < 5; ++item) EXPECT_GT(difference(all[item], all[0]), 0.01);
  EXPECT_TRUE(at::equal(kernels(settings, 2, 2), all.narrow(0, 2, 2)));
}

TEST(Kernel, of_a_moving_camera_is_item_0_in_a_convolution) {
  const Settings settings{{"kernel", "motion"}};
  const auto a = load_linear_operator("operators/convolution", settings);
  EXPECT_LT(difference(dynamic_cast<const ConvolutionOperator&>(*a).kernel(), kernels(settings)),
            1e-7);
}

TEST(Kernel, of_a_moving_camera_stays_inside_of_the_size_given) {
  for (const int size : {1, 4, 9}) {
    const Value small = choice("motion", {{"length", 40}, {"size", size}});
    const Tensor kernel = kernel_of(small);
    EXPECT_EQ(kernel.sizes(), at::IntArrayRef({size, size}));
    EXPECT_NEAR(number(kernel.sum()), 1, 1e-12);
  }
  EXPECT_EQ(kernel_of(choice("motion", {{"length", 6}}), 3).sizes(), at::IntArrayRef({7, 7, 7}));
}

TEST(Kernel, is_cut_into_the_tiles_of_a_run_unless_it_is_random) {
  const auto tile = [](const Settings& settings) {
    const auto component = testing::load_component(kUse, settings);
    Inputs in;
    in.set_block({0, 1, Region{{0, 4, 2}, {1, 5, 3}, {1, 21, 21}}});
    Outputs out;
    dynamic_cast<const Stage&>(*component).process(in, out, *testing::context());
    return Tensor(out[kKernel]);
  };
  const Settings disk{{"kernel", choice("disk", {{"radius", 10}})}};
  EXPECT_TRUE(at::equal(tile(disk), kernels(disk).narrow(2, 4, 5).narrow(3, 2, 3)));
  EXPECT_EQ(message_of<Error>([&] {
              tile({{"kernel", "motion"}});
            }),
            "a random path is drawn whole, so that 'tile' must hold it: 21x21");
}

class File : public ::testing::Test {
 protected:
  File()
      : path_(std::filesystem::temp_directory_path() /
              ("pellucid-kernel-" + std::to_string(::getpid()) + ".h5")) {
    Spec spec;
    spec.dtype = at::kDouble;
    spec.axes = "hw";
    spec.shape = {5, 4};
    spec.items = 3;
    spec.spacing = {0.1, 0.1};
    spec.spacing_unit = "um";
    DatasetWriter writer(path_, {{"/psf", spec}}, /*resume=*/false);
    writer.write(0, 0, values_);
    writer.close(/*overwrite=*/true);
  }
  ~File() override { std::filesystem::remove(path_); }

  Value file(const std::string& dataset) const {
    return Value::map({{"file", path_.string() + ":" + dataset}});
  }

  std::filesystem::path path_;
  Tensor values_ = at::rand({3, 5, 4}, at::kDouble);
};

TEST_F(File, of_a_kernel_has_channels_or_one_axis_more) {
  const Tensor three = kernels({{"kernel", file("/psf")}, {"normalize", false}});
  EXPECT_LT(difference(three[0], values_), 1e-7);
  EXPECT_LT(difference(kernel_of(file("/psf"), 3), values_), 1e-15);
  EXPECT_EQ(size_of(file("/psf")), (std::vector<std::int64_t>{5, 4}));
}

/// An image or volume of one channel.
Spec image(std::vector<double> spacing, const std::string& unit) {
  Spec spec;
  spec.axes = spacing.size() == 3 ? "czyx" : "chw";
  spec.shape = std::vector<std::int64_t>(spacing.size() + 1, 8);
  spec.spacing = std::move(spacing);
  spec.spacing.insert(spec.spacing.begin(), 1);
  spec.spacing_unit = unit;
  return spec;
}

TEST(Kernel, in_units_is_for_images_that_are_sampled_as_it_is) {
  const Settings settings = with(kConfocal, {{"pixel", 100}, {"step", 300}, {"size", 5}});
  const auto a = load_linear_operator(
      "operators/convolution", {{"kernel", choice("confocal", settings)}, {"dimensions", 3}});
  EXPECT_NO_THROW(a->range(image({0.3, 0.1, 0.1004}, "um")));
  EXPECT_NO_THROW(a->range(image({3, 1, 1}, "px")));
  EXPECT_NO_THROW(a->range(image({3, 1, 1}, "")));
  EXPECT_EQ(message_of<ShapeError>([&] {
              a->range(image({0.2, 0.065, 0.065}, "um"));
            }),
            "the kernel must have the spacing of x, 200 x 65 x 65 nm, got 300 x 100 x 100 nm; give "
            "the kernel's 'pixel' and 'step' those values, or a kernel that was sampled so");
  EXPECT_THROW(a->domain(image({0.3, 0.1, 0.2}, "um")), ShapeError);
}

TEST(Kernel, from_the_graph_is_for_images_that_are_sampled_as_it_is) {
  const Tensor values = at::ones({1, 3, 3});
  Spec spec = spec_of(values, "hw");
  spec.spacing = {65, 65};
  spec.spacing_unit = "nm";
  Inputs in;
  in.add({"kernel", spec, values, nullptr});
  const auto component = testing::load_component("operators/convolution");
  auto& a = dynamic_cast<LinearOperator&>(*component);
  a.bind(in);
  EXPECT_NO_THROW(a.range(image({0.065, 0.065}, "um")));
  EXPECT_THROW(a.range(image({0.1, 0.065}, "um")), ShapeError);
}

TEST_F(File, of_a_kernel_is_for_images_that_are_sampled_as_it_says) {
  const auto a = load_linear_operator("operators/convolution", {{"kernel", file("/psf")}});
  Spec x = image({100, 100}, "nm");
  x.shape.front() = 3;
  EXPECT_NO_THROW(a->range(x));
  x.spacing.back() = 65;
  EXPECT_THROW(a->range(x), ShapeError);
}

TEST_F(File, of_a_kernel_that_is_not_there_is_an_error_of_the_plan) {
  EXPECT_NE(message_of<ConfigError>([&] { kernel_of(file("/pfs")); }).find("psf"),
            std::string::npos);
  EXPECT_NE(message_of<ConfigError>([&] {
              kernel_of(Value::map({{"file", "/no/such/file.npy"}}));
            }),
            "no error");
}

TEST(Kernel, of_any_kind_blurs_and_has_its_adjoint) {
  const Settings confocal = with(kConfocal, {{"size", list({3, 5, 5})}});
  const Settings widefield = with(kWidefield, {{"size", list({3, 5, 4})}});
  const std::vector<std::pair<Value, int>> all{
      {Value("gaussian"), 2},
      {Value("box"), 3},
      {choice("motion", {{"length", 5}}), 2},
      {choice("motion", {{"length", 4}}), 3},
      {Value("disk"), 2},
      {choice("airy", with(kAiry, {{"pixel", 200}, {"size", 5}})), 2},
      {choice("widefield", widefield), 3},
      {choice("confocal", confocal), 3}};
  for (const auto& [kernel, dimensions] : all)
    for (const char* method : {"direct", "fft"})
      for (const char* boundary : {"circular", "reflect", "replicate", "zero", "valid"}) {
        const auto a = load_linear_operator("operators/convolution", {{"kernel", kernel},
                                                                      {"dimensions", dimensions},
                                                                      {"boundary", boundary},
                                                                      {"method", method}});
        const std::vector<std::int64_t> shape = dimensions == 2
                                                    ? std::vector<std::int64_t>{1, 2, 11, 10}
                                                    : std::vector<std::int64_t>{1, 1, 6, 7, 8};
        EXPECT_LT(testing::adjoint_gap(*a, shape), 1e-14) << kernel.flow() << " " << boundary;
        EXPECT_NEAR(number(dynamic_cast<const ConvolutionOperator&>(*a).kernel().sum()), 1, 1e-13);
      }
}

TEST(Kernel, that_makes_no_sense_is_an_error_of_the_plan) {
  EXPECT_EQ(message_of<ConfigError>([] { kernel_of("disk", 3); }),
            "test.yaml:1:1: the kernel 'disk' has 2 axes; set dimensions: 2, which convolves "
            "volumes plane by plane");
  EXPECT_EQ(message_of<ConfigError>([] { kernel_of(choice("widefield", kWidefield)); }),
            "test.yaml:1:1: the kernel 'widefield' has 3 axes; set dimensions: 3");
  EXPECT_EQ(message_of<ConfigError>([] {
              kernel_of(choice("widefield", with(kWidefield, {{"na", 1.4}})), 3);
            }),
            "test.yaml:1:1: 'na' must be below 'index', 1.33, got 1.4");
  EXPECT_EQ(message_of<ConfigError>([] {
              kernel_of(choice("confocal", with(kConfocal, {{"size", list({3, 5})}})), 3);
            }),
            "test.yaml:1:1: 'size' must have one entry or one for each of the 3 axes, got 2");
  EXPECT_EQ(message_of<ConfigError>([] {
              kernel_of(choice("disk", {{"radius", 1e9}}));
            }),
            "test.yaml:1:1: 'kernel' must be at most 65535 px wide, got 2000000001");
  EXPECT_NE(message_of<ConfigError>([] { kernel_of(choice("airy", {{"na", 0.5}})); }), "no error");
}

}  // namespace
}  // namespace pellucid
