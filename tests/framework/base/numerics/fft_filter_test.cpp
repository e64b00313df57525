// Filters against the transforms and matrices that define them.

#include <gtest/gtest.h>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <pellucid/numerics/fft.h>

namespace pellucid {
namespace {

using Sizes = std::vector<std::int64_t>;

double relative_difference(const Tensor& a, const Tensor& b) {
  return ((a - b).abs().max() / b.abs().max()).item<double>();
}

double rounding(at::ScalarType real) { return real == at::kDouble ? 1e-13 : 1e-5; }

template <class Action>
std::string sentence_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.sentence();
  }
  return "no error";
}

Sizes sizes_of(const std::vector<FilterAxis>& axes, FilterAxis::Stretch FilterAxis::*side) {
  Sizes sizes;
  for (const FilterAxis& axis : axes) sizes.push_back((axis.*side).size);
  return sizes;
}

Sizes grid_of(const std::vector<FilterAxis>& axes) {
  Sizes sizes;
  for (const FilterAxis& axis : axes) sizes.push_back(axis.grid);
  return sizes;
}

Sizes of_images(std::int64_t images, Sizes sizes) {
  sizes.insert(sizes.begin(), images);
  return sizes;
}

/// E of one axis, or C* of it: (grid, samples).
Tensor placing(const FilterAxis& axis, bool of_x) {
  const auto [offset, size] = of_x ? axis.x : axis.y;
  Tensor matrix = at::zeros({axis.grid, size}, at::kDouble);
  for (std::int64_t i = 0; i < size; ++i)
    matrix[((offset + i) % axis.grid + axis.grid) % axis.grid][i] = 1;
  if (of_x)
    for (const auto& [place, sample] : axis.repeated) matrix[place][sample] = 1;
  return matrix;
}

/// Images with each axis multiplied by its matrix, or the transposed one.
Tensor placed(Tensor images, const std::vector<FilterAxis>& axes, bool of_x, bool transposed) {
  images = images.to(at::kDouble);
  for (std::size_t a = 0; a < axes.size(); ++a) {
    const Tensor matrix = placing(axes[a], of_x);
    const auto axis = static_cast<std::int64_t>(a) + 1;
    images =
        at::matmul(images.movedim(axis, -1), transposed ? matrix : matrix.t()).movedim(-1, axis);
  }
  return images;
}

/// The filter by whole transforms, in float64.
Tensor by_definition(const std::vector<FilterAxis>& axes, const Tensor& gains, const Tensor& images,
                     bool adjoint) {
  const Sizes grid = grid_of(axes);
  const RealFft fft(grid, at::kDouble);
  Tensor gain = gains.to(at::kComplexDouble);
  if (adjoint) gain = gain.conj();
  Sizes repeats(static_cast<std::size_t>(gain.dim()), 1);
  repeats[0] = images.size(0) / gains.size(0) + 1;
  gain = gain.repeat(repeats).narrow(0, 0, images.size(0));
  const Tensor spectrum = fft.forward(placed(images, axes, !adjoint, false));
  return placed(fft.inverse(spectrum * gain), axes, adjoint, true);
}

const std::vector<std::vector<FilterAxis>> kAxes{
    {{16, {0, 16}, {0, 16}}},
    {{15, {0, 11}, {2, 9}}},
    {{1, {0, 1}, {0, 1}}},
    {{12, {0, 12}, {0, 12}}, {17, {0, 17}, {0, 17}}},
    {{20, {0, 13}, {3, 9}}, {18, {0, 12}, {1, 11}}},
    {{14, {-3, 7}, {0, 14}}, {9, {-2, 4}, {4, 5}}},
    {{1, {0, 1}, {0, 1}}, {70, {0, 64}, {0, 64}}},
    {{40, {0, 33}, {0, 33}}, {1, {0, 1}, {0, 1}}},
    // Continued on both sides, by reflection and by its last sample.
    {{12, {0, 8}, {0, 8}, {{8, 7}, {9, 6}, {11, 0}}},
     {10, {0, 5}, {0, 5}, {{5, 4}, {6, 4}, {9, 0}}}},
    {{6, {0, 4}, {1, 3}}, {10, {2, 8}, {0, 7}}, {50, {0, 41}, {6, 40}}},
    {{5, {0, 3}, {0, 3}, {{3, 2}, {4, 0}}},
     {9, {0, 7}, {0, 7}, {{7, 6}}},
     {12, {0, 9}, {0, 9}, {{9, 8}, {11, 0}}}},
    {{7, {-1, 3}, {0, 7}}, {8, {-2, 5}, {0, 6}}, {9, {-1, 3}, {2, 7}}},
    {{4, {0, 2}, {0, 2}}, {1, {0, 1}, {0, 1}}, {6, {0, 6}, {0, 6}}},
    // Columns of every radix, and more than a block holds.
    {{72, {0, 65}, {0, 65}}, {80, {0, 71}, {2, 70}}},
    {{16, {0, 10}, {0, 10}}, {30, {0, 25}, {0, 25}}, {4, {0, 3}, {0, 3}}},
    {{22, {0, 20}, {0, 20}}, {40, {0, 39}, {0, 39}}},
};

std::string text(const std::vector<FilterAxis>& axes) { return shape_text(grid_of(axes)); }

Sizes half_of(Sizes grid) {
  grid.back() = grid.back() / 2 + 1;
  return grid;
}

TEST(FftFilter, and_its_adjoint_equal_whole_transforms_between_placing_and_cutting) {
  for (const auto& axes : kAxes)
    for (const auto real : {at::kDouble, at::kFloat})
      for (const std::int64_t kernels : {1, 2}) {
        const auto complex = real == at::kDouble ? at::kComplexDouble : at::kComplexFloat;
        const FftFilter filter(axes, real);
        // Of real kernels, as gains are.
        const Sizes grid = grid_of(axes);
        const Tensor gains = RealFft(grid, at::kDouble)
                                 .forward(at::randn(of_images(kernels, grid), at::kDouble))
                                 .to(complex);
        const Tensor x = at::randn(of_images(3, sizes_of(axes, &FilterAxis::x)), real);
        const Tensor y = at::randn(of_images(3, sizes_of(axes, &FilterAxis::y)), real);
        const Tensor kept_x = x.clone(), kept_y = y.clone();
        EXPECT_LT(
            relative_difference(filter.forward(gains, x), by_definition(axes, gains, x, false)),
            rounding(real))
            << text(axes) << ", " << kernels << " kernels";
        EXPECT_LT(
            relative_difference(filter.adjoint(gains, y), by_definition(axes, gains, y, true)),
            rounding(real))
            << text(axes) << ", " << kernels << " kernels";
        EXPECT_TRUE(at::equal(x, kept_x) && at::equal(y, kept_y));
      }
}

TEST(FftFilter, gives_the_spectrum_of_what_it_places) {
  for (const auto& axes : kAxes)
    for (const auto real : {at::kDouble, at::kFloat}) {
      const Tensor x = at::randn(of_images(2, sizes_of(axes, &FilterAxis::x)), real);
      const Tensor spectrum = FftFilter(axes, real).spectrum(x);
      EXPECT_EQ(spectrum.sizes(), at::IntArrayRef(of_images(2, half_of(grid_of(axes)))));
      EXPECT_LT(
          relative_difference(
              spectrum, RealFft(grid_of(axes), at::kDouble).forward(placed(x, axes, true, false))),
          rounding(real))
          << text(axes);
    }
}

TEST(FftFilter, takes_a_spectrum_for_gains_as_it_is) {
  const std::vector<FilterAxis> axes{{10, {0, 7}, {0, 7}}, {13, {0, 9}, {0, 9}}};
  const FftFilter filter(axes, at::kDouble);
  const Tensor gains = filter.spectrum(at::randn({2, 7, 9}, at::kDouble));
  const Tensor x = at::randn({4, 7, 9}, at::kDouble);
  EXPECT_TRUE(at::equal(filter.forward(gains, x), filter.forward(gains.contiguous(), x)));
}

TEST(FftFilter, writes_rows_over_those_it_has_read) {
  const std::vector<FilterAxis> axes{{12, {0, 9}, {0, 9}}, {24, {0, 20}, {0, 20}}};
  const FftFilter filter(axes, at::kFloat);
  const Tensor gains = filter.spectrum(at::randn({1, 9, 20}));
  Tensor images = at::randn({5, 9, 20});
  const Tensor expected = filter.forward(gains, images);
  const auto row = [&](std::int64_t number) { return images.data_ptr<float>() + number * 20; };
  filter.forward(
      gains, 5,
      [&](std::int64_t number, void* to) { std::copy_n(row(number), 20, static_cast<float*>(to)); },
      [&](std::int64_t number, void* from) {
        std::copy_n(static_cast<float*>(from), 20, row(number));
      });
  EXPECT_TRUE(at::equal(images, expected));
}

TEST(FftFilter, gives_an_image_the_same_bits_in_every_batch_and_by_any_number_of_threads) {
  const int before = at::get_num_threads();
  // Small images, of which each thread takes some; large ones, at which all work.
  for (const auto& [images, n, m] : {std::array<std::int64_t, 3>{300, 48, 40}, {2, 500, 360}}) {
    const std::vector<FilterAxis> axes{{n, {0, n - 4}, {0, n - 4}}, {m, {0, m - 3}, {1, m - 3}}};
    const FftFilter filter(axes, at::kFloat);
    const Tensor gains = filter.spectrum(at::randn({1, n - 4, m - 3}));
    const Tensor x = at::randn({images, n - 4, m - 3});
    at::set_num_threads(4);
    const Tensor all = filter.forward(gains, x);
    at::set_num_threads(1);
    EXPECT_TRUE(at::equal(all, filter.forward(gains, x)));
    EXPECT_TRUE(at::equal(all[1], filter.forward(gains, x.narrow(0, 1, 1))[0]));
    at::set_num_threads(before);
  }
}

TEST(FftFilter, takes_any_strides_and_an_empty_batch) {
  const std::vector<FilterAxis> axes{{8, {0, 6}, {0, 6}}, {8, {0, 5}, {0, 5}}};
  const FftFilter filter(axes, at::kDouble);
  const Tensor gains = filter.spectrum(at::randn({1, 6, 5}, at::kDouble));
  const Tensor turned = at::randn({5, 6, 3}, at::kDouble).permute({2, 1, 0});
  EXPECT_TRUE(at::equal(filter.forward(gains, turned), filter.forward(gains, turned.contiguous())));
  EXPECT_EQ(filter.forward(gains, at::zeros({0, 6, 5}, at::kDouble)).sizes(),
            at::IntArrayRef({0, 6, 5}));
}

TEST(FftFilter, says_what_does_not_fit) {
  const std::vector<FilterAxis> axes{{4, {0, 4}, {0, 3}}, {6, {0, 5}, {0, 5}}};
  const FftFilter filter(axes, at::kFloat);
  const Tensor gains = at::zeros({1, 4, 4}, at::kComplexFloat);
  EXPECT_EQ(sentence_of([&] {
              filter.forward(gains, at::zeros({1, 4, 4}));
            }),
            "a filter of images of 4x5 in float32 got a tensor of 1x4x4 in float32");
  EXPECT_EQ(sentence_of([&] {
              filter.adjoint(gains, at::zeros({1, 3, 5}, at::kDouble));
            }),
            "a filter of images of 3x5 in float32 got a tensor of 1x3x5 in float64");
  EXPECT_EQ(
      sentence_of([&] {
        filter.forward(gains.conj(), at::zeros({1, 4, 5}));
      }),
      "a filter needs gains of (kernels, 4x4) in complex64 on the CPU, with rows side by side, "
      "got 1x4x4 in complex64");
  EXPECT_EQ(
      sentence_of([&] {
        filter.forward(at::zeros({1, 4, 6}, at::kComplexFloat), at::zeros({1, 4, 5}));
      }),
      "a filter needs gains of (kernels, 4x4) in complex64 on the CPU, with rows side by side, "
      "got 1x4x6 in complex64");
  EXPECT_EQ(
      sentence_of([] {
        FftFilter({{4, {0, 5}, {0, 4}}}, at::kFloat);
      }),
      "a filter's images must have 1 to 4 samples along an axis whose grid has as many, got 5");
  EXPECT_EQ(sentence_of([] {
              FftFilter({{6, {0, 4}, {0, 4}, {{3, 0}}}}, at::kFloat);
            }),
            "a filter repeats its samples 0 to 3 at free places of its grid of 6, got sample 0 at "
            "place 3");
  EXPECT_EQ(sentence_of([] { FftFilter({}, at::kFloat); }), "a filter has 1 to 3 axes, got 0");
  EXPECT_EQ(sentence_of([] {
              FftFilter({{4, {0, 4}, {0, 4}}}, at::kInt);
            }),
            "a filter needs float32 or float64, got int32");
}

}  // namespace
}  // namespace pellucid
