// summary: what a table says over all of its rows: mean, standard deviation, range of each column.
//
//   count     how many values the column has; only finite ones are summed up, so that the psnr of an
//             image that equals its reference, inf, does not hide the others
//   mean      sum of the values / count
//   std       sqrt(sum of squared differences from the mean / count): of the population
//   least     the smallest value
//   largest   the largest value
//
// Inputs
//   scores   a table, such as that of metrics/quality; texts and truth values are left out
// Outputs
//   summary   one row: for each column of numbers, say `psnr`, and each of `statistics` a column,
//             psnr_mean and so on, in its unit. inf, but for the count, where no value is finite
// Settings (keys in a pipeline file)
//   statistics   what is computed, each once: count, mean, std, least or largest
//                                                                       default mean and std
//
// Errors
//   ConfigError  a statistic stands twice in the list (while planning)
//   ShapeError   the table has no column of numbers (while planning)
//
// Accuracy  double precision; blocks are joined by the update of [1], which loses no digits where
//           the mean is large. Other blocks agree to rounding. A warning says how many values were
//           left out.
// Cost      one pass; memory: a row.
//
// [1] T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for computing the sample variance", The
//     American Statistician 37(3):242-247, 1983, doi:10.1080/00031305.1983.10483115.

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

namespace pellucid {
namespace {

enum class Statistic { count, mean, std, least, largest };

std::vector<std::pair<std::string, Statistic>> enumerators(Statistic) {
  return {{"count", Statistic::count},
          {"mean", Statistic::mean},
          {"std", Statistic::std},
          {"least", Statistic::least},
          {"largest", Statistic::largest}};
}

std::string name_of(Statistic statistic) {
  for (const auto& [name, value] : enumerators(statistic))
    if (value == statistic) return name;
  return {};
}

/// Of the finite values of a column, seen so far.
struct Moments {
  double others = 0;                        // not finite
  double count = 0, mean = 0, squares = 0;  // squares: of differences from the mean
  double least = std::numeric_limits<double>::max();
  double largest = std::numeric_limits<double>::lowest();

  void join(const Moments& other) {
    others += other.others;
    if (other.count == 0) return;
    const double total = count + other.count, apart = other.mean - mean;
    squares += other.squares + apart * apart * count * other.count / total;
    mean += apart * other.count / total;
    count = total;
    least = std::min(least, other.least);
    largest = std::max(largest, other.largest);
  }

  double value(Statistic statistic) const {
    if (statistic == Statistic::count) return count;
    if (count == 0) return std::numeric_limits<double>::infinity();
    switch (statistic) {
      case Statistic::mean:
        return mean;
      case Statistic::std:
        return std::sqrt(squares / count);
      case Statistic::least:
        return least;
      default:
        return largest;
    }
  }
};

constexpr std::int64_t kMoments = 6;

/// The columns of numbers.
std::vector<Column> numbers(const std::vector<Column>& columns) {
  std::vector<Column> all;
  for (const Column& column : columns)
    if (column.type == Column::Type::real || column.type == Column::Type::integer)
      all.push_back(column);
  return all;
}

class Summary final : public Reducer {
 public:
  struct Settings {
    std::vector<Statistic> statistics{Statistic::mean, Statistic::std};
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"statistics", &Settings::statistics, "", "what is computed, each once", count(1, 5)},
    };
    return rows;
  }

  static constexpr In<Table> scores{"scores", "a table with columns of numbers"};
  static constexpr Out<Table> summary{"summary", "one row: the statistics of each column"};
  static const Ports& ports() {
    static const Ports all{scores, summary};
    return all;
  }

  explicit Summary(Settings settings) : settings_(std::move(settings)) {
    std::set<Statistic> seen;
    for (const Statistic statistic : settings_.statistics)
      if (!seen.insert(statistic).second)
        throw ConfigError("'statistics' has '" + name_of(statistic) + "' twice; leave one out");
  }

  void prepare(const Inputs& in, Context&) override { columns_ = in.spec(scores).columns; }

  void infer(const Inputs& in, Specs& out) const override {
    if (numbers(in.spec(scores).columns).empty())
      throw ShapeError("'scores' must have a column of numbers, got " + in.spec(scores).text());
    out[summary] = {1, 1, summarized(in.spec(scores).columns)};
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
        of_column.join(std::isfinite(value) ? Moments{0, 1, value, 0, value, value} : Moments{1});
      for (const double part : {of_column.others, of_column.count, of_column.mean,
                                of_column.squares, of_column.least, of_column.largest})
        *cell++ = part;
    }
    state[moments] = all;
  }

  void finish(const States& states, Outputs& out, Context& context) const override {
    const auto columns = numbers(columns_);
    std::vector<Moments> of(columns.size());
    for (std::int64_t block = 0; block < states.count(); ++block) {
      const Outputs state = states.at(block);
      const Tensor all = state[moments].contiguous();
      const double* cell = all.const_data_ptr<double>();
      for (Moments& column : of) {
        column.join({cell[0], cell[1], cell[2], cell[3], cell[4], cell[5]});
        cell += kMoments;
      }
    }
    std::vector<Cell> row;
    for (std::size_t i = 0; i < of.size(); ++i) {
      for (const Statistic statistic : settings_.statistics)
        row.emplace_back(of[i].value(statistic));
      if (of[i].others > 0)
        context.log(Context::Level::warning,
                    "'" + columns[i].name + "' has " + std::to_string(std::int64_t(of[i].others)) +
                        " values that are not finite; they are left out of its statistics");
    }
    Table table(summarized(columns_));
    table.add(0, std::move(row));
    out[summary] = std::move(table);
  }

 private:
  std::vector<Column> summarized(const std::vector<Column>& columns) const {
    std::vector<Column> all;
    for (const Column& column : numbers(columns))
      for (const Statistic statistic : settings_.statistics)
        all.push_back({column.name + "_" + name_of(statistic), Column::Type::real,
                       statistic == Statistic::count ? "1" : column.unit, 0,
                       name_of(statistic) + " of " + column.name});
    return all;
  }

  static constexpr Out<Tensor> moments{"moments", "of each column"};

  Settings settings_;
  std::vector<Column> columns_;
};

}  // namespace

PELLUCID_COMPONENT(Summary, "Mean, standard deviation and range of the columns of a table");

}  // namespace pellucid
