// Van Cittert against matrices, what it tends to, and how it ends where it diverges.

#include "least_squares.h"

namespace pellucid {
namespace {

using namespace iterated;
using ::testing::HasSubstr;

const std::vector<const char*> kOfSameSizes{"circular", "reflect", "replicate", "zero"};

TEST(VanCittert, equals_the_iteration_with_a_matrix) {
  for (const auto& problem : {image, volume})
    for (const char* boundary : kOfSameSizes)
      for (const bool constrained : {false, true}) {
        const Measured p = problem(boundary, true);
        const double least = constrained ? 0 : -direct::kInfinity;
        Tensor x = p.flat().clamp_min(least);
        for (int k = 0; k < 8; ++k)
          x = (x + 0.8 * (p.flat() - at::mv(p.matrix, x))).clamp_min(least);
        const Tensor found = solved(
            "van_cittert", p.y, p.a,
            with({{"relaxation", 0.8}, {"constraint", constrained ? "non_negative" : "none"}}, 8,
                 "data"))[kX];
        EXPECT_LT(largest(found.flatten() - x), 1e-9 * largest(x)) << boundary;
      }
}

TEST(VanCittert, tends_to_the_inverse_where_it_converges) {
  for (const auto& problem : {image, volume}) {
    const Measured p = problem("circular", true);
    Settings settings = with({{"every", 1}}, 80);
    const Outputs out = solved("van_cittert", p.y, p.a, settings);
    EXPECT_LT(largest(out[kX].flatten() - at::linalg_solve(p.matrix, p.flat())), 1e-6);
    expect_falling(out[kHistory].reals("objective"));
  }
}

TEST(VanCittert, says_where_it_diverges) {
  // The transfer function of a box is negative somewhere.
  const Tensor box = at::full({1, 1, 5, 5}, 1.0 / 25, at::kDouble);
  const Tensor y = direct::images({16, 16});
  for (const char* boundary : kOfSameSizes)
    EXPECT_THAT(testing::message_of<Error>([&] {
                  solved("van_cittert", y, blur(box, boundary), {{"iterations", 1000}});
                }),
                HasSubstr("so that it diverges; take fewer iterations"))
        << boundary;
  // As does one that goes too far.
  const Measured p = image("circular");
  EXPECT_THAT(testing::message_of<Error>([&] {
                solved("van_cittert", p.y, p.a, {{"iterations", 200}, {"relaxation", 2.5}});
              }),
              HasSubstr("the residual |A x - y| of item 0 is "));
}

TEST(VanCittert, obeys_the_laws_of_iterative_methods) {
  expect_independent_items("van_cittert", {{"constraint", "non_negative"}}, true, kOfSameSizes);
  expect_precision_of_images("van_cittert", {}, kOfSameSizes);
  expect_limits("van_cittert", {{"constraint", "non_negative"}}, 1e-12, kOfSameSizes);
  expect_any_size("van_cittert", {}, kOfSameSizes);
  expect_course("van_cittert", {}, kOfSameSizes);
  expect_refusals("van_cittert", {});
}

TEST(VanCittert, refuses_a_blur_that_changes_sizes) {
  const Measured p = image("valid");
  EXPECT_THAT(testing::message_of<ConfigError>([&] { solved("van_cittert", p.y, p.a); }),
              HasSubstr("must be circular or reflect or replicate or zero, got valid"));
}

}  // namespace
}  // namespace pellucid
