// The Radon transform against its definition, closed forms, the laws, and the messages a user meets.

#include <cmath>
#include <numbers>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <pellucid/operator.h>
#include <pellucid/testing.h>

#include "plugins/operators/laws.h"

namespace pellucid {
namespace {

using testing::load_linear_operator;
using testing::message_of;
using testing::Settings;

const char* const kUse = "operators/radon";
constexpr double kDegree = std::numbers::pi / 180;

Value even(int count, double range = 180, double start = 0) {
  return Value::map({{"even", Value::map({{"count", count}, {"range", range}, {"start", start}})}});
}

Value listed(const std::vector<double>& degrees) {
  std::vector<Value> values;
  for (const double degree : degrees) values.emplace_back(degree);
  return Value::map({{"list", Value::list(values)}});
}

Value size(int h, int w) { return Value::list({h, w}); }

double difference(const Tensor& a, const Tensor& b) { return (a - b).abs().max().item<double>(); }

/// Joseph's sum along one ray, sample by sample.
double along_ray(const Tensor& image, double angle, double bin, double centre) {
  const std::int64_t h = image.size(0), w = image.size(1);
  const double c = std::cos(angle), s = std::sin(angle), t = bin - centre;
  const bool by_row = std::abs(c) >= std::abs(s);
  double sum = 0;
  for (std::int64_t line = 0; line < (by_row ? h : w); ++line) {
    const double place = by_row ? double(w / 2) + (t + double(line - h / 2) * s) / c
                                : double(h / 2) - (t - double(line - w / 2) * c) / s;
    const auto before = std::int64_t(std::floor(place));
    const auto at = [&](std::int64_t k) {
      if (k < 0 || k >= (by_row ? w : h)) return 0.0;
      return (by_row ? image[line][k] : image[k][line]).item<double>();
    };
    const double share = place - double(before);
    sum += (1 - share) * at(before) + share * at(before + 1);
  }
  return sum / std::max(std::abs(c), std::abs(s));
}

TEST(Radon, equals_its_definition_at_every_angle_size_and_centre) {
  for (const auto& [h, w, bins, centre] :
       std::vector<std::tuple<int, int, int, double>>{{6, 6, 6, 3.0},
                                                      {5, 8, 11, 4.3},
                                                      {7, 4, 5, 0.0},
                                                      {1, 1, 1, 0.0},
                                                      {1, 6, 9, 4.0},
                                                      {5, 1, 3, 2.0}}) {
    const std::vector<double> degrees{0, 17, 45, 46, 90, 133, 135, 180, 225, 301, -30};
    const auto a = load_linear_operator(
        kUse,
        {{"angles", listed(degrees)}, {"bins", bins}, {"centre", centre}, {"size", size(h, w)}});
    const Tensor x = at::randn({h, w}, at::kDouble);
    const Tensor y = a->forward(x.unsqueeze(0))[0];
    ASSERT_EQ(y.sizes(), at::IntArrayRef({std::int64_t(degrees.size()), bins}));
    for (std::size_t k = 0; k < degrees.size(); ++k)
      for (int s = 0; s < bins; ++s)
        EXPECT_NEAR(y[std::int64_t(k)][s].item<double>(),
                    along_ray(x, degrees[k] * kDegree, s, centre), 1e-7)
            << h << "x" << w << " at " << degrees[k] << " deg, bin " << s;
  }
}

TEST(Radon, obeys_the_laws_of_linear_operators) {
  laws::Limits limits;
  limits.norm = 0.01;
  laws::expect_linear_operator_laws(kUse, {{"angles", even(7)}}, {},
                                    {{{2, 3, 9, 9}}, {{1, 8, 8}}, {{3, 1, 1}}}, limits);
  laws::expect_linear_operator_laws(kUse,
                                    {{"angles", listed({3, 45, 100, 135, 260})},
                                     {"bins", 14},
                                     {"centre", 5.7},
                                     {"size", size(7, 10)}},
                                    {}, {{{2, 2, 7, 10}}, {{2, 7, 10}, "yx"}}, limits);
  laws::expect_linear_operator_laws(kUse, {{"angles", even(2)}, {"bins", 1}, {"size", size(2, 5)}},
                                    {}, {{{1, 1, 2, 5}}}, limits);
}

TEST(Radon, sums_columns_at_0_degrees_and_rows_at_90) {
  const Tensor x = at::rand({1, 1, 6, 6}, at::kDouble);
  const Tensor y = load_linear_operator(kUse, {{"angles", listed({0, 90})}})->forward(x)[0][0];
  EXPECT_LT(difference(y[0], x[0][0].sum(0)), 1e-12);
  // At 90 degrees bin s sees row centre + h / 2 - s.
  EXPECT_LT(difference(y[1].narrow(0, 1, 5), x[0][0].sum(1).flip(0).narrow(0, 0, 5)), 1e-12);
}

TEST(Radon, sees_a_point_where_the_manual_says) {
  const double angle = 30;
  const auto a = load_linear_operator(
      kUse, {{"angles", listed({angle})}, {"bins", 60}, {"centre", 25.5}, {"size", size(41, 41)}});
  Tensor x = at::zeros({1, 1, 41, 41}, at::kDouble);
  x[0][0][12][33] = 1;
  const Tensor y = a->forward(x)[0][0][0];
  const double seen =
      (y * at::arange(60, at::kDouble)).sum().item<double>() / y.sum().item<double>();
  const double expected =
      25.5 + (33 - 20) * std::cos(angle * kDegree) - (12 - 20) * std::sin(angle * kDegree);
  EXPECT_NEAR(seen, expected, 0.1);
}

TEST(Radon, of_a_disc_is_the_length_of_its_chords) {
  const int n = 201;
  const double radius = 70;
  const Tensor offset = at::arange(n, at::kDouble) - n / 2;
  const Tensor distance = (offset.square().unsqueeze(1) + offset.square()).sqrt();
  const Tensor disc = (radius + 0.5 - distance).clamp(0, 1);
  const Tensor y =
      load_linear_operator(kUse, {{"angles", even(16)}})->forward(disc.unsqueeze(0))[0];
  const Tensor chord = 2 * (radius * radius - offset.square()).clamp_min(0).sqrt();
  EXPECT_LT(((y - chord).norm() / (chord.norm() * 4)).item<double>(), 0.01);
}

TEST(Radon, gives_the_same_bits_on_any_number_of_threads) {
  const auto a = load_linear_operator(kUse, {{"angles", even(60)}});
  const Tensor x = at::rand({2, 1, 120, 120}), v = at::rand({2, 1, 60, 120});
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const Tensor y = a->forward(x), back = a->adjoint(v);
  at::set_num_threads(3);
  EXPECT_TRUE(at::equal(a->forward(x), y));
  EXPECT_TRUE(at::equal(a->adjoint(v), back));
  at::set_num_threads(before);
}

TEST(Radon, takes_angles_and_centre_from_tensors) {
  const Tensor x = at::rand({1, 1, 12, 12}, at::kDouble);
  const Tensor degrees = at::tensor({0.0, 50.0, 111.0}, at::kDouble).unsqueeze(0);
  const auto expected =
      load_linear_operator(kUse, {{"angles", listed({0, 50, 111})}, {"centre", 5.25}});
  const auto found = load_linear_operator(
      kUse, {}, {{"angles", degrees, "a"}, {"centre", at::full({1, 1}, 5.25, at::kDouble), "c"}});
  EXPECT_TRUE(at::equal(found->forward(x), expected->forward(x)));
}

TEST(Radon, knows_axes_and_units_both_ways) {
  const auto a =
      load_linear_operator(kUse, {{"angles", even(20)}, {"bins", 15}, {"size", size(8, 10)}});
  Spec x;
  x.axes = "cyx";
  x.shape = {2, 8, 10};
  for (const auto& [of_x, of_y] : std::vector<std::pair<std::string, std::string>>{
           {"1", "px"}, {"1/px", "1"}, {"", ""}, {"photon", "photon px"}}) {
    x.unit = of_x;
    const Spec y = a->range(x);
    EXPECT_EQ(y.unit, of_y);
    EXPECT_EQ(y.axes, "cax");
    EXPECT_EQ(y.shape, (std::vector<std::int64_t>{2, 20, 15}));
    EXPECT_EQ(a->domain(y), x);
  }
}

TEST(Radon, says_what_it_needs_and_what_it_got) {
  const auto message = [](const Settings& settings,
                          const std::vector<testing::Given>& inputs = {}) {
    return message_of<Error>([&] { load_linear_operator(kUse, settings, inputs); });
  };
  EXPECT_THAT(message({}), ::testing::HasSubstr("give the setting or the input 'angles'"));
  const testing::Given angles{"angles", at::zeros({1, 3}), "a"};
  EXPECT_THAT(message({{"angles", even(3)}}, {angles}),
              ::testing::HasSubstr("remove the setting or the input 'angles'"));
  EXPECT_THAT(message({}, {{"angles", at::zeros({2, 3}), "a"}}),
              ::testing::HasSubstr("'angles' must be real and of one item"));
  EXPECT_THAT(message({}, {angles, {"centre", at::zeros({1, 2}), "c"}}),
              ::testing::HasSubstr("the centre must be one value"));
  EXPECT_THAT(message({}, {{"angles", at::full({1, 3}, NAN), "a"}}),
              ::testing::HasSubstr("angle 0 of the input 'angles' is not finite"));
  EXPECT_THAT(message({{"angles", even(3)}, {"bins", 8}, {"centre", 8.5}}),
              ::testing::HasSubstr("must be on the detector, in [0, 7]"));

  const auto a = load_linear_operator(kUse, {{"angles", even(3)}});
  Spec x;
  x.axes = "chw";
  x.shape = {1, 8, 10};
  const auto refused = [&](const Spec& spec) {
    return message_of<ShapeError>([&] { a->range(spec); });
  };
  EXPECT_THAT(refused(x), ::testing::HasSubstr("10 x 10 pixels, got 8 x 10; set size: [8, 10]"));
  x.shape = {1, 8, 8};
  x.spacing = {1, 2, 3};
  EXPECT_THAT(refused(x), ::testing::HasSubstr("pixels must be square"));
  x.spacing.clear();
  x.dtype = at::kComplexFloat;
  EXPECT_NE(refused(x), "no error");
  Spec y;
  y.axes = "caw";
  y.shape = {1, 4, 8};
  EXPECT_THAT(message_of<ShapeError>([&] { a->domain(y); }),
              ::testing::HasSubstr("projections must be of 3 angles"));
  y.axes = "chw";
  EXPECT_THAT(message_of<ShapeError>([&] { a->domain(y); }),
              ::testing::HasSubstr("must have the last axes 'aw'"));
}

}  // namespace
}  // namespace pellucid
