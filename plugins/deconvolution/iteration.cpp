#include "iteration.h"

#include <chrono>
#include <cmath>

#include <ATen/ATen.h>

#include <pellucid/numerics/fft.h>

namespace pellucid {
namespace {

using Clock = std::chrono::steady_clock;

/// How far the cumulative periodogram of noise images lies above that of white noise.
class Redness {
 public:
  explicit Redness(const Tensor& like) : fft_(like.sizes().slice(1).vec(), like.scalar_type()) {
    const at::TensorOptions options(at::kDouble);
    const std::vector<std::int64_t>& sizes = fft_.sizes();
    Tensor squared = at::zeros({}, options),
           columns = at::full({sizes.back() / 2 + 1}, 2.0, options);
    for (std::size_t a = 0; a < sizes.size(); ++a) {
      const bool half = a + 1 == sizes.size();
      const Tensor f =
          half ? at::fft_rfftfreq(sizes[a], 1.0, options) : at::fft_fftfreq(sizes[a], 1.0, options);
      squared = squared.unsqueeze(-1) + f.square();
    }
    // The first column of the half spectrum, and the last of an even number, stand for one each.
    columns[0] = 1;
    if (sizes.back() % 2 == 0) columns[-1] = 1;
    order_ = squared.flatten().argsort();
    weights_ = columns.expand_as(squared).flatten().index_select(0, order_);
    weights_[0] = 0;  // the mean
    shares_ = weights_.cumsum(0) / weights_.sum().clamp_min(1);
  }

  double of(const Tensor& residual) const {
    const Tensor power = fft_.forward(residual).abs().square().sum(0, false, at::kDouble).flatten();
    const Tensor sums = (power.index_select(0, order_) * weights_).cumsum(0);
    const double all = sums[-1].item<double>();
    return all > 0 ? (sums / all - shares_).max().item<double>() : 0;
  }

 private:
  RealFft fft_;
  Tensor order_, weights_, shares_;  // of the half spectrum, from low to high frequencies
};

class PeakSignalToNoise {
 public:
  explicit PeakSignalToNoise(const Tensor& reference) : reference_(reference) {
    range_ = (reference.max() - reference.min()).item<double>();
  }
  double of(const Tensor& x) const {
    const double mean = (x - reference_).square_().mean(at::kDouble).item<double>();
    return 10 * std::log10(range_ * range_ / mean);
  }

 private:
  Tensor reference_;
  double range_;
};

}  // namespace

const Schema<Stop>& Stop::schema() {
  static const Schema<Stop> rows{
      {"tolerance", &Stop::tolerance, "1", "relative change of an iteration", at_least(0.0)},
      {"noise", &Stop::noise, "", "standard deviation of the noise, for the discrepancy principle",
       positive()},
      {"tau", &Stop::tau, "1", "how many times the noise the residual may be", positive()},
      {"whiteness", &Stop::whiteness, "1", "how far from white the residual may be",
       within(0.0, 1.0)},
      {"time", &Stop::time, "s", "of one item", positive()},
  };
  return rows;
}

std::vector<Column> history_columns(bool with_reference, const std::string& unit,
                                    const char* objective) {
  std::vector<Column> columns{
      {"iteration", Column::Type::integer, "1", 0, "0 is the start"},
      {"objective", Column::Type::real, "", 0, objective},
      {"residual", Column::Type::real, unit, 0, "|A x - y|"},
  };
  if (with_reference) columns.push_back({"psnr", Column::Type::real, "dB", 0, "of the estimate"});
  columns.push_back({"stopped", Column::Type::text, "", 10, "the rule that ended the item"});
  return columns;
}

void iterate(Method& method, const Course& course, const Tensor& y, const Tensor& reference,
             std::int64_t item, Context& context, Table& history) {
  const Stop& stop = course.stop;
  const auto begin = Clock::now();
  const double goal = stop.noise ? stop.tau * *stop.noise * std::sqrt(double(y.numel())) : -1;
  std::optional<Redness> redness;
  std::optional<PeakSignalToNoise> psnr;
  if (stop.whiteness) redness.emplace(y);
  if (reference.defined()) psnr.emplace(reference);

  const auto diverged = [item](const std::string& what, double value, std::int64_t iteration) {
    return Error("the " + what + " of item " + std::to_string(item) + " is " +
                 (std::isfinite(value) ? Value(value).text() : "not finite") + " in iteration " +
                 std::to_string(iteration) +
                 ", so that it diverges; take fewer iterations, or let a rule of 'stop' end them");
  };
  double bound = 0;
  std::string ended;
  for (std::int64_t iteration = 0;; ++iteration) {
    context.stop_if_cancelled();
    context.progress(iteration, course.iterations);
    const bool last = iteration == course.iterations;
    const bool due = last || iteration % course.every == 0;
    Tensor residual;
    if (redness && due) residual = at::empty_like(y);
    const double distance = method.measure(residual);
    if (iteration == 0) bound = 100 * std::max(distance, y.norm().item<double>());
    if (!std::isfinite(distance) || distance > bound)
      throw diverged("residual |A x - y|", distance, iteration);

    if (ended.empty() && distance <= goal) ended = "noise";
    if (ended.empty() && residual.defined() && redness->of(residual) <= *stop.whiteness)
      ended = "whiteness";
    if (ended.empty() && stop.time &&
        std::chrono::duration<double>(Clock::now() - begin).count() >= *stop.time)
      ended = "time";
    if (ended.empty() && last) ended = "iterations";
    if (due || !ended.empty()) {
      const double objective = method.objective();
      if (!std::isfinite(objective)) throw diverged("objective", objective, iteration);
      std::vector<Cell> row{iteration, objective, distance};
      if (psnr) row.emplace_back(psnr->of(method.estimate()));
      row.emplace_back(ended);
      history.add(item, std::move(row));
    }
    if (!ended.empty()) return;

    const auto [change, size] = method.step();
    if (!std::isfinite(size)) throw diverged("estimate's length", size, iteration + 1);
    if (stop.tolerance > 0 && change <= stop.tolerance * size) ended = "tolerance";
  }
}

std::int64_t iteration_bytes(const Course& course, const Spec& y, const Spec* reference) {
  // The residual, its spectrum and power, and the order of the frequencies; differences and squares.
  std::int64_t bytes = 2 * y.item_bytes();
  if (course.stop.whiteness) bytes += 3 * y.item_bytes() + 8 * 5 * y.item_numel();
  if (reference) bytes += 2 * reference->item_bytes();
  return bytes;
}

}  // namespace pellucid
