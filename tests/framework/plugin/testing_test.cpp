#include <pellucid/testing.h>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <pellucid/plugin.h>

namespace pellucid::testing {
namespace {

using ::testing::HasSubstr;

/// y = factor * x shifted by one sample around, with an adjoint that may be wrong.
class Shift final : public LinearOperator {
 public:
  Shift(double factor, std::int64_t back) : factor_(factor), back_(back) {}
  Spec range(const Spec& x) const override { return x; }
  Tensor forward(const Tensor& x) const override { return factor_ * x.roll(1, -1); }
  Tensor adjoint(const Tensor& y) const override { return factor_ * y.roll(back_, -1); }

 private:
  double factor_;
  std::int64_t back_;
};

class Square final : public Operator {
 public:
  Spec range(const Spec& x) const override { return x; }
  Tensor forward(const Tensor& x) const override { return x * x; }
  Tensor vjp(const Tensor& x, const Tensor& v) const override { return 2 * x * v; }
};

/// weight |x|^2 / 2 with its prox x / (1 + step weight), or a wrong one.
class Quadratic final : public Functional {
 public:
  explicit Quadratic(double error) : error_(error) {}
  bool has_prox() const override { return true; }
  Tensor value(const Tensor& x) const override {
    return x.square().flatten(1).sum(1) * (kWeight / 2);
  }
  Tensor prox(const Tensor& x, double step) const override {
    return x / (1 + step * kWeight) * (1 + error_);
  }

 private:
  static constexpr double kWeight = 3;
  double error_;
};

TEST(AdjointGap, is_rounding_where_the_adjoint_is_right) {
  EXPECT_LT(adjoint_gap(Shift(2.5, -1), {2, 3, 7}), 1e-15);
  EXPECT_LT(adjoint_gap(Shift(2.5, -1), {3, 5}, at::kComplexDouble), 1e-15);
  EXPECT_LT(adjoint_gap(Shift(2.5, -1), {3, 5}, at::kFloat), 1e-6);
}

TEST(AdjointGap, shows_an_adjoint_that_shifts_the_wrong_way) {
  EXPECT_GT(adjoint_gap(Shift(2.5, 1), {2, 3, 7}), 1e-2);
}

TEST(AdjointGap, shows_an_adjoint_of_a_complex_operator_that_is_not_conjugated) {
  class Phase final : public LinearOperator {
   public:
    Spec range(const Spec& x) const override { return x; }
    Tensor forward(const Tensor& x) const override { return x * c10::complex<double>(0, 1); }
    Tensor adjoint(const Tensor& y) const override { return y * c10::complex<double>(0, 1); }
  };
  EXPECT_GT(adjoint_gap(Phase(), {2, 9}, at::kComplexDouble), 1e-2);
}

TEST(LinearityGap, is_rounding_for_a_linear_operator_and_large_for_a_square) {
  EXPECT_LT(linearity_gap(Shift(2.5, -1), {2, 5}), 1e-15);
  EXPECT_GT(linearity_gap(Square(), {2, 5}), 1e-2);
}

TEST(GradientGap, is_small_for_the_gradient_and_large_for_twice_of_it) {
  const auto value = [](const Tensor& x) { return x.pow(3).flatten(1).sum(1); };
  const Tensor x = at::linspace(-1, 2, 12, at::kDouble).reshape({2, 6});
  EXPECT_LT(gradient_gap(
                value, [](const Tensor& at) { return 3 * at.square(); }, x),
            1e-8);
  EXPECT_GT(gradient_gap(
                value, [](const Tensor& at) { return 6 * at.square(); }, x),
            1e-2);
}

TEST(ProxGap, is_nothing_for_the_prox_and_something_one_percent_beside_it) {
  const Tensor x = at::linspace(-1, 2, 12, at::kDouble).reshape({2, 6});
  EXPECT_EQ(prox_gap(Quadratic(0), x, 0.7), 0);
  EXPECT_GT(prox_gap(Quadratic(0.01), x, 0.7), 1e-7);
  EXPECT_GT(prox_gap(Quadratic(-0.01), x, 0.7), 1e-7);
}

/// The indicator of x >= 0; a prox that keeps negative numbers leaves the set.
class Nonnegative final : public Functional {
 public:
  explicit Nonnegative(double least) : least_(least) {}
  bool has_prox() const override { return true; }
  Tensor value(const Tensor& x) const override {
    const Tensor outside = (x < 0).flatten(1).any(1);
    return at::zeros({x.size(0)}, x.options()).masked_fill(outside, INFINITY);
  }
  Tensor prox(const Tensor& x, double) const override { return x.clamp_min(least_); }

 private:
  double least_;
};

TEST(ProxGap, is_infinite_outside_of_the_set) {
  const Tensor x = at::linspace(-1, 2, 12, at::kDouble).reshape({2, 6});
  EXPECT_EQ(prox_gap(Nonnegative(0), x, 0.7), 0);
  EXPECT_EQ(prox_gap(Nonnegative(-0.5), x, 0.7), INFINITY);
}

TEST(ProxGap, is_a_share_of_the_objective) {
  class Scaled final : public Functional {
   public:
    bool has_prox() const override { return true; }
    Tensor value(const Tensor& x) const override { return 1e6 * x.square().flatten(1).sum(1); }
    Tensor prox(const Tensor& x, double) const override { return x; }  // of no step at all
  };
  const double gap = prox_gap(Scaled(), at::ones({1, 4}, at::kDouble), 1.0);
  EXPECT_GT(gap, 0.1);
  EXPECT_LE(gap, 1);
}

TEST(Impulse, is_one_in_the_middle) {
  const Tensor image = impulse(5);
  EXPECT_EQ(image.sizes(), at::IntArrayRef({1, 1, 5, 5}));
  EXPECT_EQ(image.sum().item<double>(), 1);
  EXPECT_EQ(image[0][0][2][2].item<double>(), 1);
}

TEST(TestContext, draws_the_same_for_the_same_seed_and_item) {
  const Tensor a = context(1, {3, 4})->random("noise").normal({8});
  EXPECT_TRUE(at::equal(a[1], context(1, {4})->random("noise").normal({8})[0]));
  EXPECT_FALSE(at::equal(a, context(2, {3, 4})->random("noise").normal({8})));
}

TEST(TestContext, lends_a_folder_that_goes_with_it) {
  std::filesystem::path folder;
  {
    const auto lent = context();
    folder = lent->scratch();
    EXPECT_TRUE(std::filesystem::is_directory(folder));
    EXPECT_EQ(lent->scratch(), folder);
  }
  EXPECT_FALSE(std::filesystem::exists(folder));
}

class Loading : public ::testing::Test {
 protected:
  void SetUp() override { setenv("PELLUCID_PLUGIN_PATH", PELLUCID_FIXTURES, 1); }
};

TEST_F(Loading, gives_a_component_from_the_search_path) {
  EXPECT_NE(std::dynamic_pointer_cast<Stage>(load_component("good/copy")), nullptr);
}

TEST_F(Loading, throws_what_the_pipeline_would_report) {
  EXPECT_EQ(message_of<ConfigError>([] {
              load_component("good/thrower", {{"what", "nothign"}});
            }),
            "test.yaml:1:1: 'what' must be one of nothing | config | shape | libtorch | standard | "
            "integer, got 'nothign'; did you mean 'nothing'?");
}

TEST_F(Loading, says_that_a_component_is_no_operator) {
  EXPECT_THAT(message_of<ConfigError>([] { load_operator("good/copy"); }),
              HasSubstr("'good/copy' is of the kind stage, not operator"));
}

TEST_F(Loading, runs_a_stage_as_one_block) {
  const Tensor x = at::arange(24, at::kFloat).reshape({2, 3, 2, 2});
  const Outputs out = run_stage("good/copy", {}, {{.port = "x", .tensor = x, .axes = "chw"}});
  EXPECT_TRUE(at::equal(std::get<Tensor>(out.all().at("y")), x));
}

TEST_F(Loading, runs_a_stage_only_if_it_gives_what_it_promised) {
  const Tensor x = at::zeros({3, 2});
  const auto run = [&](const char* fault) {
    return message_of<ShapeError>([&] {
      run_stage("good/careless", {{"fault", fault}}, {{"x", x, "w"}}, 0, 3);
    });
  };
  EXPECT_EQ(run("none"), "no error");
  EXPECT_EQ(run("missing"),
            "test.yaml:1:1: output 'numbers' was inferred as 3 rows: item, number [px], but was "
            "not set");
  EXPECT_EQ(run("columns"),
            "test.yaml:1:1: output 'numbers' was inferred as 3 rows: item, number [px], but is 3 "
            "rows: item, number [um]");
  EXPECT_EQ(run("rows"),
            "test.yaml:1:1: output 'numbers' was inferred with at most 3 rows, but has 4");
  EXPECT_EQ(run("item"),
            "test.yaml:1:1: output 'numbers' must have rows of the items 0 to 2, got one of item "
            "3");
}

}  // namespace
}  // namespace pellucid::testing
