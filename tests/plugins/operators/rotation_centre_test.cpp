// The centre of rotation, found of ellipses whose projections are known, wherever it is.

#include <cmath>
#include <numbers>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/testing.h>

namespace pellucid {
namespace {

using testing::Settings;

constexpr Out<Tensor> kCentre{"centre", ""};
constexpr Out<Table> kFound{"found", ""};

class Kept final : public States {
 public:
  std::vector<Outputs> all;
  std::int64_t count() const override { return static_cast<std::int64_t>(all.size()); }
  Outputs at(std::int64_t index) const override { return all[static_cast<std::size_t>(index)]; }
};

/// What the reducer gives for projections (items, angles, bins) that arrive in blocks.
Outputs found(const Tensor& y, const Settings& settings = {},
              const std::vector<std::int64_t>& blocks = {}, const Tensor& angles = {}) {
  const auto component = testing::load_component("operators/rotation_centre", settings);
  const auto& reducer = dynamic_cast<const Reducer&>(*component);
  const auto context = testing::context();
  Inputs planned;
  planned.add({"y", spec_of(y, "aw"), {}, nullptr});
  if (angles.defined()) planned.add({"angles", spec_of(angles, "a"), {}, nullptr});
  Specs promised, state;
  reducer.infer(planned, promised);
  reducer.infer_state(planned, state);
  Kept states;
  std::int64_t first = 0;
  for (const std::int64_t count : blocks.empty() ? std::vector{y.size(0)} : blocks) {
    const Tensor part = y.narrow(0, first, count);
    Inputs in;
    in.add({"y", spec_of(part, "aw"), part, nullptr});
    if (angles.defined()) in.add({"angles", spec_of(angles, "a"), angles, nullptr});
    in.set_block({first, count, {}});
    reducer.reduce(in, states.all.emplace_back(), *context);
    const Tensor& g = std::as_const(states.all.back())[Out<Tensor>{"g", ""}];
    EXPECT_EQ(g.sizes().slice(1), at::IntArrayRef(state[Out<Tensor>{"g", ""}].shape));
    first += count;
  }
  Outputs out;
  reducer.finish(states, out, *context);
  return out;
}

double centre_of(const Tensor& y, const Settings& settings = {}) {
  return found(y, settings)[kCentre].item<double>();
}

/// Ellipses seen on 160 bins at angles in degrees: exact line integrals, the mean over each bin.
Tensor ellipses(double centre, const std::vector<double>& degrees, double scale = 1) {
  struct Ellipse {
    double row, column, a, b, tilt, value;
  };
  const int angles = int(degrees.size());
  const Tensor y = at::zeros({1, angles, 160}, at::kDouble);
  double* const sums = y.mutable_data_ptr<double>();
  for (const Ellipse& e : std::vector<Ellipse>{
           {2, -5, 44, 31, 0.4, 1}, {10, 12, 9, 14, 1.1, -0.5}, {-20, 3, 5, 5, 0, 0.8}})
    for (int k = 0; k < angles; ++k) {
      const double t = degrees[std::size_t(k)] * std::numbers::pi / 180;
      const double seen = centre + scale * (e.column * std::cos(t) - e.row * std::sin(t));
      const double half =
          scale * std::hypot(e.a * std::cos(t - e.tilt), e.b * std::sin(t - e.tilt));
      for (int s = 0; s < 160; ++s)
        for (int part = 0; part < 8; ++part) {
          const double offset = (s + (part - 3.5) / 8 - seen) / half;
          if (std::abs(offset) < 1)
            sums[k * 160 + s] +=
                e.value * 2 * scale * scale * e.a * e.b / half * std::sqrt(1 - offset * offset) / 8;
        }
    }
  return y;
}

std::vector<double> even(int count, double range = 180, double start = 0) {
  std::vector<double> degrees;
  for (int k = 0; k < count; ++k) degrees.push_back(start + k * range / count);
  return degrees;
}

Tensor ellipses(double centre, int angles, double range = 180, double scale = 1) {
  return ellipses(centre, even(angles, range), scale);
}

Settings listed(const std::vector<double>& degrees) {
  return {{"angles", Value::map({{"list", Value::list({degrees.begin(), degrees.end()})}})}};
}

TEST(RotationCentre, is_found_to_a_fraction_of_a_bin_wherever_it_is) {
  for (const double centre : {79.5, 80.0, 71.3, 66.66, 95.8})
    for (const int angles : {60, 120, 181})
      EXPECT_NEAR(centre_of(ellipses(centre, angles)), centre, 0.05) << angles << " angles";
}

TEST(RotationCentre, is_found_in_noise) {
  const Tensor y = ellipses(73.4, 120);
  at::manual_seed(7);
  EXPECT_NEAR(centre_of(y + 0.1 * y.max() * at::randn_like(y)), 73.4, 0.5);
}

TEST(RotationCentre, is_found_from_half_of_what_covers_more) {
  const auto over = [](int count, int range) -> Settings {
    return {{"angles", Value::map({{"even", Value::map({{"count", count}, {"range", range}})}})}};
  };
  EXPECT_NEAR(centre_of(ellipses(75.2, 240, 360), over(240, 360)), 75.2, 0.1);
  // From 0 to 180 degrees with both ends, 181 angles cover 181 degrees.
  EXPECT_NEAR(centre_of(ellipses(75.2, 181, 181), over(181, 181)), 75.2, 0.1);
  EXPECT_NEAR(centre_of(ellipses(75.2, 190, 270), over(190, 270)), 75.2, 0.1);
}

TEST(RotationCentre, is_found_at_the_angles_of_the_scan_whatever_their_order_and_distance) {
  // From the back, in steps of the golden ratio within a turn or half of one, in two turns, and
  // without every third.
  std::vector<double> golden, golden_half, uneven;
  for (int k = 0; k < 180; ++k) golden.push_back(k * 90 * (std::sqrt(5.0) - 1));
  for (const double angle : golden) golden_half.push_back(std::fmod(angle, 180.0));
  for (int k = 0; k < 120; ++k)
    if (k % 3 != 1) uneven.push_back(1.5 * k);
  for (const std::vector<double>& degrees :
       {even(90, -180, 20), golden, golden_half, even(120, 720), uneven})
    EXPECT_NEAR(centre_of(ellipses(71.3, degrees), listed(degrees)), 71.3, 0.1) << degrees[1];
  EXPECT_GT(std::abs(centre_of(ellipses(71.3, golden_half)) - 71.3), 0.2);
}

TEST(RotationCentre, takes_the_angles_from_the_graph) {
  const std::vector<double> degrees = even(240, 360, 45);
  const Tensor y = ellipses(75.2, degrees), angles = at::tensor(degrees, at::kDouble).unsqueeze(0);
  EXPECT_EQ(found(y, {}, {}, angles)[kCentre].item<double>(), centre_of(y, listed(degrees)));
  EXPECT_NEAR(found(y, {}, {}, angles)[kCentre].item<double>(), 75.2, 0.1);
}

TEST(RotationCentre, is_that_of_all_items_however_they_are_cut_into_blocks) {
  const Tensor y = at::cat({ellipses(72.5, 90), ellipses(72.5, 90, 180, 0.5),
                            at::zeros({1, 90, 160}, at::kDouble), ellipses(72.5, 90, 180, 0.8)});
  const Outputs whole = found(y);
  EXPECT_NEAR(whole[kCentre].item<double>(), 72.5, 0.1);
  const std::vector<double> each = whole[kFound].reals("centre");
  ASSERT_EQ(each.size(), 4u);
  for (const int item : {0, 1, 3}) EXPECT_NEAR(each[std::size_t(item)], 72.5, 0.15) << item;
  EXPECT_TRUE(std::isnan(each[2]));
  const Outputs parts = found(y, {}, {1, 0, 3});
  EXPECT_NEAR(parts[kCentre].item<double>(), whole[kCentre].item<double>(), 1e-3);
  EXPECT_EQ(parts[kFound].item(3), 3);
}

TEST(RotationCentre, is_looked_for_no_farther_than_asked) {
  EXPECT_LE(centre_of(ellipses(95.8, 90), {{"search", 5}}), 79.5 + 5.3);
}

TEST(RotationCentre, takes_single_precision_and_leaves_it_alone) {
  const Tensor y = ellipses(83.1, 90).to(at::kFloat), kept = y.clone();
  EXPECT_NEAR(centre_of(y), 83.1, 0.1);
  EXPECT_TRUE(at::equal(y, kept));
}

TEST(RotationCentre, says_what_is_wrong_with_the_angles) {
  const auto message = [](const std::vector<double>& degrees, const Tensor& angles = {}) {
    return testing::message_of<Error>([&] {
      found(at::rand({1, 12, 9}), listed(degrees), {}, angles);
    });
  };
  EXPECT_THAT(
      message(even(11)),
      ::testing::HasSubstr("as many angles as projections, got 11 for 1 x float32 aw 12x9"));
  EXPECT_THAT(message(even(12, 120)),
              ::testing::HasSubstr("must cover half a turn, got none for 70.0"));
  EXPECT_THAT(message(even(12), at::rand({1, 12})), ::testing::HasSubstr("given twice"));
  EXPECT_THAT(testing::message_of<Error>([] {
                found(at::rand({1, 12, 9}), {}, {}, at::full({1, 12}, NAN));
              }),
              ::testing::HasSubstr("angle 0 of the input 'angles' is not finite"));
}

TEST(RotationCentre, says_what_it_needs) {
  const auto message = [](const Tensor& y) {
    return testing::message_of<Error>([&] { centre_of(y); });
  };
  EXPECT_THAT(message(at::zeros({1, 9, 9})), ::testing::HasSubstr("no projection that is not 0"));
  EXPECT_THAT(message(at::full({1, 9, 9}, NAN)), ::testing::HasSubstr("must be finite"));
  EXPECT_THAT(message(at::rand({1, 2, 9})),
              ::testing::HasSubstr("at least one item of 3 bins and 4 angles"));
  EXPECT_THAT(message(at::rand({1, 9, 1})),
              ::testing::HasSubstr("at least one item of 3 bins and 4 angles"));
}

}  // namespace
}  // namespace pellucid
