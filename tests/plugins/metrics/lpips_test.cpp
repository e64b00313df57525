// LPIPS: the numbers of the published program with weights that a formula gives, what equal images
// score, and weights that do not fit.

#include <gmock/gmock.h>

#include <map>

#include <ATen/ATen.h>

#include <pellucid/testing.h>
#include <pellucid/weights.h>

#include "base/temporary_folder.h"

namespace pellucid {
namespace {

using ::testing::HasSubstr;
using testing::message_of;
using testing::Settings;

using Shapes = std::map<std::string, std::vector<std::int64_t>>;

void add(Shapes& shapes, const std::string& key, std::int64_t out, std::int64_t in,
         std::int64_t kernel) {
  shapes[key + ".weight"] = {out, in, kernel, kernel};
  shapes[key + ".bias"] = {out};
}

Shapes alexnet() {
  Shapes s;
  add(s, "features.0", 64, 3, 11), add(s, "features.3", 192, 64, 5);
  add(s, "features.6", 384, 192, 3), add(s, "features.8", 256, 384, 3);
  add(s, "features.10", 256, 256, 3);
  return s;
}

Shapes squeezenet() {
  Shapes s;
  add(s, "features.0", 64, 3, 3);
  const std::int64_t fires[][4] = {{3, 64, 16, 64},    {4, 128, 16, 64},  {6, 128, 32, 128},
                                   {7, 256, 32, 128},  {9, 256, 48, 192}, {10, 384, 48, 192},
                                   {11, 384, 64, 256}, {12, 512, 64, 256}};
  for (const auto& [index, in, few, out] : fires) {
    const std::string key = "features." + std::to_string(index);
    add(s, key + ".squeeze", few, in, 1);
    add(s, key + ".expand1x1", out, few, 1), add(s, key + ".expand3x3", out, few, 3);
  }
  return s;
}

Shapes vgg16() {
  Shapes s;
  const std::int64_t layers[][3] = {{0, 64, 3},     {2, 64, 64},    {5, 128, 64},   {7, 128, 128},
                                    {10, 256, 128}, {12, 256, 256}, {14, 256, 256}, {17, 512, 256},
                                    {19, 512, 512}, {21, 512, 512}, {24, 512, 512}, {26, 512, 512},
                                    {28, 512, 512}};
  for (const auto& [index, out, in] : layers)
    add(s, "features." + std::to_string(index), out, in, 3);
  return s;
}

/// Numbers that another program can make, too: sin(12.9898 n + 0.37 rank) sqrt(3 / fan in).
Tensor pattern(const std::vector<std::int64_t>& shape, int rank) {
  const double fan = shape.size() == 4 ? double(shape[1] * shape[2] * shape[3]) : 300;
  const std::int64_t count = at::empty(shape).numel();
  const Tensor n = at::arange(count, at::kDouble);
  return (at::sin(12.9898 * n + 0.37 * rank) * std::sqrt(3 / fan)).to(at::kFloat).view(shape);
}

/// What stands in the two files of a network.
class Files {
 public:
  explicit Files(const std::string& network) : network_(network) {
    int rank = 0;
    const Shapes shapes = network == "alex" ? alexnet() : network == "vgg" ? vgg16() : squeezenet();
    for (const auto& [key, shape] : shapes) weights.tensors[key] = pattern(shape, rank++);
    const std::map<std::string, std::vector<std::int64_t>> channels{
        {"alex", {64, 192, 384, 256, 256}},
        {"squeeze", {64, 128, 256, 384, 384, 512, 512}},
        {"vgg", {64, 128, 256, 512, 512}}};
    int depth = 0;
    for (const std::int64_t c : channels.at(network)) {
      const Tensor n = at::arange(c, at::kDouble);
      heads.tensors["lin" + std::to_string(depth) + ".model.1.weight"] =
          (0.5 + 0.5 * at::sin(n + double(depth))).to(at::kFloat).view({1, c, 1, 1});
      ++depth;
    }
  }

  /// Settings that name what was written.
  Settings settings() const {
    const auto folder = folder_.path();
    write_weights(folder / "weights.h5", weights);
    write_weights(folder / "heads.h5", heads);
    return {{"network", network_},
            {"weights", (folder / "weights.h5").string()},
            {"heads", (folder / "heads.h5").string()}};
  }

  Weights weights, heads;

 private:
  std::string network_;
  TemporaryFolder folder_;
};

/// Files as they should be, written once.
const Settings& settings_of(const std::string& network) {
  static std::map<std::string, std::unique_ptr<Files>> files;
  static std::map<std::string, Settings> settings;
  if (!files[network]) {
    files[network] = std::make_unique<Files>(network);
    settings[network] = files[network]->settings();
  }
  return settings[network];
}

Settings with(Settings settings, const char* key, Value value) {
  settings.push_back({key, std::move(value)});
  return settings;
}

double lpips(const Tensor& x, const Tensor& reference, const Settings& settings) {
  const Outputs out =
      testing::run_stage("metrics/lpips", settings, {{"x", x}, {"reference", reference}});
  return out[Out<Table>{"scores", ""}].reals("lpips")[0];
}

struct Pair {
  Tensor reference, x;
};

/// (1, 3, 40, 44), by formula.
Pair pictures() {
  const Tensor i = at::arange(40, at::kDouble).unsqueeze(1), j = at::arange(44, at::kDouble);
  const Tensor c = at::arange(3, at::kDouble).view({3, 1, 1});
  const Tensor r = (0.5 + 0.4 * at::sin(0.3 * i + 0.1 * c) * at::cos(0.2 * j + c)).unsqueeze(0);
  return {r, r + 0.1 * at::sin(1.7 * i + 2.3 * j)};
}

TEST(Lpips, agrees_with_the_published_program) {
  // lpips 0.1.4 with the networks of torchvision 0.29, float64, normalize=True, weights as above.
  const std::map<std::string, double> published{{"alex", 0.21286992886401296},
                                                {"squeeze", 0.0032604408068293836},
                                                {"vgg", 0.0036849572313255754}};
  const auto [r, x] = pictures();
  for (const auto& [network, expected] : published) {
    const Settings settings = with(settings_of(network), "border", 0);
    EXPECT_NEAR(lpips(x, r, settings), expected, 1e-9 * expected) << network;
    EXPECT_NEAR(lpips(x.to(at::kFloat), r.to(at::kFloat), settings), expected, 1e-3 * expected)
        << network;
    EXPECT_EQ(lpips(r, r, settings), 0) << network;
  }
}

TEST(Lpips, sees_the_range_and_leaves_the_border_out) {
  const Tensor r = at::rand({1, 3, 44, 45}, at::kDouble), x = r + 0.1 * at::rand_like(r);
  const Settings& usual = settings_of("alex");
  const double expected = lpips(x, r, usual);
  EXPECT_NEAR(lpips(255 * x, 255 * r, with(usual, "range", 255)), expected, 1e-9);
  const auto inner = [](const Tensor& image) { return image.narrow(2, 5, 34).narrow(3, 5, 35); };
  EXPECT_NEAR(lpips(inner(x), inner(r), with(usual, "border", 0)), expected, 1e-12);
}

TEST(Lpips, takes_grey_for_three_equal_colours) {
  const auto [r, x] = pictures();
  const Settings settings = with(settings_of("alex"), "border", 0);
  const Tensor grey_x = x.narrow(1, 0, 1), grey_r = r.narrow(1, 0, 1);
  EXPECT_NEAR(lpips(grey_x, grey_r, settings),
              lpips(grey_x.expand({1, 3, 40, 44}), grey_r.expand({1, 3, 40, 44}), settings), 1e-12);
}

TEST(Lpips, takes_the_smallest_image_that_its_manual_names) {
  for (const auto& [network, least] :
       std::map<std::string, int>{{"alex", 31}, {"squeeze", 17}, {"vgg", 16}}) {
    const Settings settings = with(settings_of(network), "border", 0);
    const auto score = [&settings](std::int64_t size) {
      return lpips(at::rand({1, 3, size, size}), at::rand({1, 3, size, size}), settings);
    };
    EXPECT_GT(score(least), 0) << network;
    EXPECT_THAT(
        message_of<ShapeError>([&] { score(least - 1); }),
        HasSubstr("must be at least " + std::to_string(least) + " pixels wide and high, what " +
                  network + " needs inside a border of 0"));
  }
}

TEST(Lpips, names_the_tensor_that_is_missing_foreign_or_of_another_shape) {
  const auto [r, x] = pictures();
  const auto message = [&r = r, &x = x](const std::function<void(Files&)>& spoil) {
    Files files("alex");
    spoil(files);
    return message_of<Error>([&] { lpips(x, r, with(files.settings(), "border", 0)); });
  };
  EXPECT_THAT(message([](Files& f) { f.weights.tensors.erase("features.6.bias"); }),
              HasSubstr("the tensor 'features.6.bias' is missing in '"));
  EXPECT_THAT(message([](Files& f) { f.weights.tensors["features.12.weight"] = at::ones({2}); }),
              HasSubstr("is none of alex; are these the weights of another network?"));
  EXPECT_EQ(message([](Files& f) { f.weights.tensors["classifier.6.bias"] = at::ones({2}); }),
            "no error");
  EXPECT_THAT(message([](Files& f) { f.weights.tensors["features.0.bias"] = at::ones({3}); }),
              HasSubstr("must have the shape 64 in alex, got 3"));
  EXPECT_THAT(message([](Files& f) { f.heads.tensors.erase("lin4.model.1.weight"); }),
              HasSubstr("the tensor 'lin4.model.1.weight' is missing in '"));
}

TEST(Lpips, refuses_images_of_two_colours) {
  const Settings& settings = settings_of("alex");
  EXPECT_EQ(
      message_of<ShapeError>([&] {
        lpips(at::rand({1, 2, 44, 44}), at::rand({1, 2, 44, 44}), settings);
      }),
      "test.yaml:1:1: images must have the axes 'chw' with 3 channels, or 1 for grey, got chw "
      "2x44x44");
}

}  // namespace
}  // namespace pellucid
