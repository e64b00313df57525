// Summary: against sums by hand, however the rows are cut into blocks.

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include <pellucid/testing.h>

namespace pellucid {
namespace {

using testing::message_of;

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr Out<Table> kSummary{"summary", ""};

std::vector<Column> columns() {
  return {{"psnr", Column::Type::real, "dB", 0, "a score"},
          {"name", Column::Type::text, "", 8, "of the picture"},
          {"steps", Column::Type::integer, "1", 0, "how many"}};
}

class Kept final : public States {
 public:
  std::vector<Outputs> all;
  std::int64_t count() const override { return static_cast<std::int64_t>(all.size()); }
  Outputs at(std::int64_t index) const override { return all[static_cast<std::size_t>(index)]; }
};

/// The summary of rows (psnr, steps) that arrive in blocks of these sizes.
Table summary(const std::vector<std::pair<double, std::int64_t>>& rows,
              const std::vector<std::int64_t>& blocks, std::vector<Column> of = columns()) {
  std::vector<Value> statistics{"count", "mean", "std", "least", "largest"};
  const auto component =
      testing::load_component("metrics/summary", {{"statistics", Value::list(statistics)}});
  const auto& reducer = dynamic_cast<const Reducer&>(*component);
  const auto context = testing::context();
  const TableSpec spec{static_cast<std::int64_t>(rows.size()), 1, of};
  Inputs planned;
  planned.add({"scores", spec, {}, nullptr});
  Specs promised;
  reducer.infer(planned, promised);
  component->prepare(planned, *context);
  Kept states;
  std::size_t row = 0;
  for (const std::int64_t size : blocks) {
    Table block(of);
    for (std::int64_t i = 0; i < size; ++i, ++row)
      block.add(std::int64_t(row), {rows[row].first, "picture", rows[row].second});
    Inputs in;
    in.add({"scores", spec, block, nullptr});
    reducer.reduce(in, states.all.emplace_back(), *context);
  }
  Outputs out;
  reducer.finish(states, out, *context);
  EXPECT_EQ(std::as_const(out)[kSummary].columns(), promised[kSummary].columns);
  return out[kSummary];
}

/// Count, mean, std, least and largest value of a column.
std::vector<double> statistics(const Table& table, const std::string& column) {
  EXPECT_EQ(table.rows(), 1);
  std::vector<double> all;
  for (const char* name : {"_count", "_mean", "_std", "_least", "_largest"})
    all.push_back(table.reals(column + name).at(0));
  return all;
}

TEST(Summary, gives_mean_and_population_deviation_of_each_column_of_numbers) {
  const Table table = summary({{20, 1}, {22, 2}, {27, 6}}, {3});
  const auto psnr = statistics(table, "psnr"), steps = statistics(table, "steps");
  const double of_psnr[] = {3, 23, std::sqrt(26.0 / 3), 20, 27};
  const double of_steps[] = {3, 3, std::sqrt(14.0 / 3), 1, 6};
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_NEAR(psnr[i], of_psnr[i], 1e-13);
    EXPECT_NEAR(steps[i], of_steps[i], 1e-13);
  }
  ASSERT_EQ(table.columns().size(), 10u);
  EXPECT_EQ(table.columns()[0].unit, "1");
  EXPECT_EQ(table.columns()[1].unit, "dB");
}

TEST(Summary, does_not_depend_on_the_blocks_and_keeps_its_digits) {
  std::vector<std::pair<double, std::int64_t>> rows;
  for (int i = 0; i < 12; ++i) rows.emplace_back(1e8 + i % 3, i);
  const auto whole = statistics(summary(rows, {12}), "psnr");
  EXPECT_NEAR(whole[2], std::sqrt(2.0 / 3), 1e-9);
  for (const auto& blocks : std::vector<std::vector<std::int64_t>>{{1, 11}, {5, 0, 7}, {4, 4, 4}}) {
    const auto parts = statistics(summary(rows, blocks), "psnr");
    EXPECT_NEAR(parts[1], whole[1], 1e-7);
    EXPECT_NEAR(parts[2], whole[2], 1e-8);
  }
}

TEST(Summary, sums_up_finite_values_only) {
  EXPECT_EQ(statistics(summary({{20, 1}, {kInfinite, 2}, {30, 3}}, {1, 2}), "psnr"),
            (std::vector<double>{2, 25, 5, 20, 30}));
  const std::vector<double> none{0, kInfinite, kInfinite, kInfinite, kInfinite};
  EXPECT_EQ(statistics(summary({{kInfinite, 1}}, {1}), "psnr"), none);
  EXPECT_EQ(statistics(summary({}, {}), "psnr"), none);
}

TEST(Summary, refuses_a_table_without_numbers_and_a_statistic_that_stands_twice) {
  EXPECT_THAT(message_of<ShapeError>([] {
                summary({}, {}, {{"name", Column::Type::text, "", 8, "of the picture"}});
              }),
              ::testing::HasSubstr("'scores' must have a column of numbers, got "));
  const Value twice = Value::list({Value("mean"), Value("mean")});
  EXPECT_EQ(message_of<ConfigError>([&] {
              testing::load_component("metrics/summary", {{"statistics", twice}});
            }),
            "test.yaml:1:1: 'statistics' has 'mean' twice; leave one out");
}

}  // namespace
}  // namespace pellucid
