// summary: what a table says over all of its rows: mean, standard deviation, range of each column.
//
//   count     how many finite values the column has; only these are summed up, so that the psnr of
//             an image that equals its reference, inf, does not hide the others
//   mean      sum of the values / count
//   std       sqrt(sum of squared differences from the mean / count): of the population
//   least     the smallest value
//   largest   the largest value
//
// Inputs
//   scores   a table, such as that of metrics/quality; texts and truth values are left out
// Outputs
//   summary   five rows, named by their first column, `statistic`; the columns and units of scores,
//             numbers as real. A column without a finite value has count 0 and inf below it
//
// Errors
//   ShapeError   the table has no column of numbers (while planning)
//
// Accuracy  double precision; blocks are joined by the update of [1], which loses no digits where
//           the mean is large. Other blocks agree to rounding.
// Cost      one pass; memory: a row.
//
// [1] T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for computing the sample variance", The
//     American Statistician 37(3):242-247, 1983, doi:10.1080/00031305.1983.10483115.

#include <algorithm>
#include <cmath>
#include <limits>

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

namespace pellucid {
namespace {

/// Of the finite values of a column, seen so far.
struct Moments {
  double count = 0, mean = 0, squares = 0;  // squares: of differences from the mean
  double least = std::numeric_limits<double>::max();
  double largest = std::numeric_limits<double>::lowest();

  void join(const Moments& other) {
    if (other.count == 0) return;
    const double total = count + other.count, apart = other.mean - mean;
    squares += other.squares + apart * apart * count * other.count / total;
    mean += apart * other.count / total;
    count = total;
    least = std::min(least, other.least);
    largest = std::max(largest, other.largest);
  }
};

constexpr std::int64_t kMoments = 5;

bool is_number(const Column& column) {
  return column.type == Column::Type::real || column.type == Column::Type::integer;
}

std::vector<Column> numbers(const std::vector<Column>& columns) {
  std::vector<Column> all;
  for (const Column& column : columns) {
    if (!is_number(column)) continue;
    all.push_back(column);
    all.back().type = Column::Type::real;
  }
  return all;
}

std::vector<Column> summarized(const std::vector<Column>& columns) {
  std::vector<Column> all{{"statistic", Column::Type::text, "", 8, "what the row holds"}};
  for (const Column& column : numbers(columns)) all.push_back(column);
  return all;
}

class Summary final : public Reducer {
 public:
  static constexpr In<Table> scores{"scores", "a table with columns of numbers"};
  static constexpr Out<Table> summary{"summary", "count, mean, std, least and largest value"};
  static const Ports& ports() {
    static const Ports all{scores, summary};
    return all;
  }

  void prepare(const Inputs& in, Context&) override { columns_ = in.spec(scores).columns; }

  void infer(const Inputs& in, Specs& out) const override {
    if (numbers(in.spec(scores).columns).empty())
      throw ShapeError("'scores' must have a column of numbers, got " + in.spec(scores).text());
    out[summary] = {1, kMoments, summarized(in.spec(scores).columns)};
  }

  void infer_state(const Inputs& in, Specs& state) const override {
    const auto columns = static_cast<std::int64_t>(numbers(in.spec(scores).columns).size());
    Spec spec;
    spec.dtype = at::kDouble;
    spec.axes = "hw";
    spec.shape = {columns, kMoments};
    state[moments] = spec;
  }

  void reduce(const Inputs& in, Outputs& state, Context&) const override {
    const auto columns = numbers(in[scores].columns());
    Tensor all = at::empty({1, static_cast<std::int64_t>(columns.size()), kMoments}, at::kDouble);
    double* cell = all.mutable_data_ptr<double>();
    for (const Column& column : columns) {
      Moments of_column;
      for (const double value : in[scores].reals(column.name))
        if (std::isfinite(value)) of_column.join({1, value, 0, value, value});
      for (const double part :
           {of_column.count, of_column.mean, of_column.squares, of_column.least, of_column.largest})
        *cell++ = part;
    }
    state[moments] = all;
  }

  void finish(const States& states, Outputs& out, Context&) const override {
    const auto columns = numbers(columns_);
    std::vector<Moments> of(columns.size());
    for (std::int64_t block = 0; block < states.count(); ++block) {
      const Outputs state = states.at(block);
      const Tensor all = std::as_const(state)[moments].contiguous();
      const double* cell = all.const_data_ptr<double>();
      for (Moments& column : of) {
        column.join({cell[0], cell[1], cell[2], cell[3], cell[4]});
        cell += kMoments;
      }
    }
    Table table(summarized(columns_));
    const auto add = [&](const char* name, auto value) {
      std::vector<Cell> row{std::string(name)};
      for (const Moments& column : of) row.emplace_back(value(column));
      table.add(0, std::move(row));
    };
    add("count", [](const Moments& m) { return m.count; });
    const auto add_part = [&](const char* name, auto part) {
      add(name, [part](const Moments& m) {
        return m.count == 0 ? std::numeric_limits<double>::infinity() : part(m);
      });
    };
    add_part("mean", [](const Moments& m) { return m.mean; });
    add_part("std", [](const Moments& m) { return std::sqrt(m.squares / m.count); });
    add_part("least", [](const Moments& m) { return m.least; });
    add_part("largest", [](const Moments& m) { return m.largest; });
    out[summary] = std::move(table);
  }

 private:
  static constexpr Out<Tensor> moments{"moments", "of each column"};

  std::vector<Column> columns_;
};

}  // namespace

PELLUCID_COMPONENT(Summary, "Mean, standard deviation and range of the columns of a table");

}  // namespace pellucid
