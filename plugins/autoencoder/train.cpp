// train: trains a compressive autoencoder on random crops of pictures.
//
//   minimises  alpha 255^2 mean |x - D(z~)|^2 + R(z~, h~)      over batches of crops x, [0, 1]
//   R          -log2 p(z~, h~) a pixel [bit]; z~, h~ are the latents of x with uniform noise of
//              width one, the continuous stand-in for rounding [1]
//   Adam on all parameters, and on the quantiles of the bottleneck with an auxiliary loss [1]
//
// Inputs
//   images       (c, h, w), c = 1 or 3, [0, 1], sides >= crop, as from io/images with fit: tiles
//   validation   optional: pictures that are not trained on, of one size
// Outputs
//   history   means over `report` iterations: loss, rate, PSNR, length of the gradient
//   checks    loss, rate and PSNR of the averaged network on `validation`, with rounded latents
// Settings (keys in a pipeline file)
//   architecture         bmshj2018-factorized, bmshj2018-hyperprior, mbt2018-mean, mbt2018,
//                        cheng2020-anchor or cheng2020-attn, as in CompressAI  default mbt2018-mean
//   channels [1]         N, between the layers, >= 1                   default 64
//   latents [1]          M, of the main latent, >= 1; as many as `channels` in cheng2020
//                                                                      default 128
//   alpha                weight of the distortion, > 0                 required
//   iterations [1]       steps of Adam, >= 1                           required
//   batch [1]            crops a step, >= 1                            default 16
//   crop [px]            side of a crop, a multiple of 64, >= 64       default 128
//   rate                 step size of Adam at the beginning, > 0       default 0.001
//   final_rate           at the end, reached along a cosine, > 0       default 1e-05
//   warmup [1]           iterations until `rate` is reached, >= 0      default 500
//   clip                 longest gradient, 0: no limit, >= 0           default 1
//   average              decay of the parameters' average, which is the result, in [0, 1]
//                                                                      default 0.999
//   precision            float32, or bfloat16 for the convolutions, which is slower on a CPU that has
//                        no such arithmetic, and then says so          default float32
//   start                weights to begin with, of the same widths, instead of random ones
//   report [1]           iterations a row of `history`, >= 1           default 100
//   check_every [1]      iterations between rows of `checks`, >= 1     default 2000
//   patience [1]         checks without a better loss after which training ends, >= 1
//   checkpoint [s]       time between checkpoints, > 0                 default 60
//   to                   the weights file that is written (.h5)        required
//
// Errors
//   ConfigError  `to` stands there already with other contents; `start` is of other widths
//   ShapeError   pictures have 2 or more than 3 channels, are smaller than a crop, or the sides of
//                validation pictures are no multiples of 64, or there are none (while planning)
//   Error        the loss is not finite: names the iteration
//
// Accuracy  every step follows from the seed, so that a training that was killed and resumed ends
//           with the same bits on one machine at equal threads. bfloat16 keeps 8 binary digits in
//           the networks; rates, losses and parameters stay in float32.
// Cost      about 3 times a forward pass a step; memory: parameters four times, activations of a
//           batch, and one batch that is read ahead.
//
// [1] J. Balle, D. Minnen, S. Singh, S. Hwang, N. Johnston, arXiv 1802.01436.

#include <chrono>
#include <cmath>
#include <numbers>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <pellucid/plugin.h>

#include "adam.h"
#include "crops.h"
#include "network.h"

namespace pellucid {
namespace {

namespace fs = std::filesystem;

/// Whether the CPU multiplies bfloat16; others imitate it, many times slower than float32.
bool cpu_has_bfloat16() {
#if defined(__x86_64__) && defined(__GNUC__)
  return __builtin_cpu_supports("avx512bf16");
#else
  return true;
#endif
}

const std::string kQuantiles = "entropy_bottleneck.quantiles";

/// Step size of the quantiles' own Adam, as CompressAI's.
constexpr double kQuantileRate = 1e-3;

/// Loss, rate and distortion of a batch or a set of pictures.
struct Costs {
  double loss = 0;  ///< alpha 255^2 mse + bits
  double bits = 0;  ///< a pixel
  double mse = 0;

  double psnr() const { return -10 * std::log10(mse); }
  Costs& operator+=(const Costs& other) {
    loss += other.loss;
    bits += other.bits;
    mse += other.mse;
    return *this;
  }
  Costs over(double count) const { return {loss / count, bits / count, mse / count}; }
};

class Train final : public Procedure {
 public:
  struct Settings {
    Architecture architecture = Architecture::mean_scale;
    std::int64_t channels = 64;
    std::int64_t latents = 128;
    double alpha = 0;
    std::int64_t iterations = 0;
    std::int64_t batch = 16;
    std::int64_t crop = 128;
    double rate = 1e-3;
    double final_rate = 1e-5;
    std::int64_t warmup = 500;
    double clip = 1;
    double average = 0.999;
    Precision precision = Precision::float32;
    std::optional<fs::path> start;
    std::int64_t report = 100;
    std::int64_t check_every = 2000;
    std::optional<std::int64_t> patience;
    double checkpoint = 60;
    OutputPath to;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"architecture", &Settings::architecture, "", "the network"},
        {"channels", &Settings::channels, "1", "N, between the layers", at_least(1)},
        {"latents", &Settings::latents, "1", "M, of the main latent", at_least(1)},
        {"alpha", &Settings::alpha, "", "weight of the distortion", positive(), required()},
        {"iterations", &Settings::iterations, "1", "steps of Adam", at_least(1), required()},
        {"batch", &Settings::batch, "1", "crops a step", at_least(1)},
        {"crop", &Settings::crop, "px", "side of a crop, a multiple of 64", at_least(64)},
        {"rate", &Settings::rate, "", "step size of Adam at the beginning", positive()},
        {"final_rate", &Settings::final_rate, "", "at the end, reached along a cosine", positive()},
        {"warmup", &Settings::warmup, "1", "iterations until `rate` is reached", at_least(0)},
        {"clip", &Settings::clip, "", "longest gradient, 0: no limit", at_least(0.0)},
        {"average", &Settings::average, "", "decay of the parameters' average", within(0.0, 1.0)},
        {"precision", &Settings::precision, "", "of the convolutions"},
        {"start", &Settings::start, "", "weights to begin with"},
        {"report", &Settings::report, "1", "iterations a row of `history`", at_least(1)},
        {"check_every", &Settings::check_every, "1", "iterations between rows of `checks`",
         at_least(1)},
        {"patience", &Settings::patience, "1",
         "checks without a better loss after which training ends", at_least(1)},
        {"checkpoint", &Settings::checkpoint, "s", "time between checkpoints", positive()},
        {"to", &Settings::to, "", "the weights file that is written (.h5)", required()},
    };
    return rows;
  }

  static constexpr In<Tensor> images{"images", "pictures to train on"};
  static constexpr In<Tensor> validation{"validation", "pictures that are not trained on",
                                         optional};
  static constexpr Out<Table> history{"history", "means over `report` iterations"};
  static constexpr Out<Table> checks{"checks", "costs on `validation`, with rounded latents"};
  static const Ports& ports() {
    static const Ports all{images, validation, history, checks};
    return all;
  }

  explicit Train(Settings settings) : settings_(std::move(settings)) {
    if (settings_.crop % 64 != 0)
      throw ConfigError("'crop' must be a multiple of 64, got " + std::to_string(settings_.crop));
    if (is_residual(settings_.architecture) && settings_.latents != settings_.channels)
      throw ConfigError("networks of " + name_of(settings_.architecture) +
                        " have as many latents as channels; set 'latents' to " +
                        std::to_string(settings_.channels) + ", found " +
                        std::to_string(settings_.latents));
  }

  void infer(const Inputs& in, Specs& out) const override {
    require_pictures(in.spec(images), "images");
    const auto& shape = in.spec(images).shape;
    if (std::min(shape[1], shape[2]) < settings_.crop)
      throw ShapeError("pictures must be at least as large as a crop of " +
                       std::to_string(settings_.crop) + " px, got " + in.spec(images).text());
    if (in.has(validation)) {
      require_pictures(in.spec(validation), "validation");
      const auto& sides = in.spec(validation).shape;
      if (sides[1] % 64 != 0 || sides[2] % 64 != 0)
        throw ShapeError("the sides of 'validation' must be multiples of 64, got " +
                         in.spec(validation).text());
    }
    if (settings_.start) {
      const Form found = form_of(network_shapes(*settings_.start), *settings_.start);
      const auto described = [](Architecture architecture, std::int64_t n, std::int64_t m) {
        return name_of(architecture) + " with " + std::to_string(n) + " channels and " +
               std::to_string(m) + " latents";
      };
      if (found.architecture != settings_.architecture || found.widths.n != settings_.channels ||
          found.widths.m != settings_.latents)
        throw ConfigError("'start' must be " +
                          described(settings_.architecture, settings_.channels, settings_.latents) +
                          ", found " +
                          described(found.architecture, found.widths.n, found.widths.m));
    }
    out[history] = {1, settings_.iterations / settings_.report, history_columns()};
    out[checks] = {1, settings_.iterations / settings_.check_every, check_columns()};
  }

  std::int64_t working_bytes(const Inputs& in) const override {
    // Activations of all layers with their gradients: the first layer's, a quarter of the pixels
    // and N channels wide, three times over, is the larger part.
    const std::int64_t pixels = settings_.batch * settings_.crop * settings_.crop;
    const std::int64_t wide = 4 * settings_.channels;
    return pixels * (wide * 4 + 64) + 4 * in.spec(images).item_bytes();
  }

  void run(const Inputs& in, Outputs& out, Context& context) const override {
    Training training(settings_, in, context);
    training.run();
    out[history] = training.history();
    out[checks] = training.checks();
  }

 private:
  static void require_pictures(const Spec& spec, const std::string& name) {
    require_real(spec);
    if (spec.axes != "chw" || (spec.shape[0] != 1 && spec.shape[0] != 3))
      throw ShapeError("'" + name + "' must be pictures 'chw' with 1 or 3 channels, got " +
                       spec.text());
    if (spec.items == 0) throw ShapeError("'" + name + "' must have an item at least, got none");
  }

  static std::vector<Column> history_columns() {
    return {{"iteration", Column::Type::integer, "1", 0, "the last one of the mean"},
            {"loss", Column::Type::real, "", 0, "alpha 255^2 mse + rate"},
            {"rate", Column::Type::real, "bit/px", 0, "of latents with noise"},
            {"psnr", Column::Type::real, "dB", 0, "of the mean squared error"},
            {"gradient", Column::Type::real, "", 0, "length before it is clipped"}};
  }

  static std::vector<Column> check_columns() {
    return {{"iteration", Column::Type::integer, "1", 0, "steps that were made"},
            {"loss", Column::Type::real, "", 0, "alpha 255^2 mse + rate"},
            {"rate", Column::Type::real, "bit/px", 0, "of rounded latents"},
            {"psnr", Column::Type::real, "dB", 0, "of the mean squared error"}};
  }

  /// One training: what changes while it runs, and its checkpoints.
  class Training {
   public:
    Training(const Settings& settings, const Inputs& in, Context& context)
        : settings_(settings),
          in_(in),
          context_(context),
          parameters_(settings.start ? Parameters(read_network(*settings.start), at::kFloat)
                                     : Parameters([&context](const std::string& key) {
                                         return context.random("weights/" + key);
                                       })),
          network_(make_network(settings.architecture, parameters_,
                                {settings.channels, settings.latents}, settings.precision)),
          adam_(of_quantiles(false)),
          quantile_adam_(of_quantiles(true)),
          history_(history_columns()),
          checks_(check_columns()),
          saved_at_(std::chrono::steady_clock::now()) {
      if (settings.start) parameters_.require_all_taken();
      if (settings.precision == Precision::bfloat16 && !cpu_has_bfloat16())
        context.log(Context::Level::warning,
                    "this CPU only imitates bfloat16, many times slower than it computes in "
                    "float32; leave 'precision' out");
    }

    void run() {
      restore();
      if (!finished_) {
        Crops crops(
            {settings_.batch, settings_.crop, in_.spec(images).items}, context_.random("crops"),
            [this](std::int64_t item) { return in_.items(images, item, 1)[0].to(at::kFloat); },
            step_);
        while (!finished_) {
          context_.stop_if_cancelled();
          take_step(crops.next());
          context_.progress(step_, settings_.iterations);
          if (in_.has(validation) && step_ % settings_.check_every == 0) check();
          finished_ = finished_ || step_ == settings_.iterations;
          if (finished_ || std::chrono::steady_clock::now() - saved_at_ >
                               std::chrono::duration<double>(settings_.checkpoint))
            save();
        }
      }
      write();
    }

    Table history() const { return history_; }
    Table checks() const { return checks_; }

   private:
    std::vector<Tensor> of_quantiles(bool quantiles) const {
      std::vector<Tensor> chosen;
      for (const auto& [key, tensor] : parameters_.all())
        if ((key == kQuantiles) == quantiles) chosen.push_back(tensor);
      return chosen;
    }

    /// Rate and distortion of pictures whose latents went through `quantised`.
    template <class Quantise>
    std::pair<Tensor, Tensor> costs(const Tensor& pictures, Quantise quantised) const {
      const Network::Values values = quantised(network_->encode(pictures));
      const Tensor mse = (network_->decode(values.latents[0]) - pictures).square().mean();
      Tensor nats = at::zeros({});
      for (const Tensor& likelihood : network_->likelihoods(values.latents, values.counted))
        nats = nats - at::log(likelihood).sum();
      const double pixels = double(pictures.numel()) / 3;
      return {nats / (std::numbers::ln2 * pixels), mse};
    }

    Costs costs_of(const Tensor& bits, const Tensor& mse) const {
      Costs costs{0, bits.item<double>(), mse.item<double>()};
      costs.loss = weight() * costs.mse + costs.bits;
      return costs;
    }

    double weight() const { return settings_.alpha * 255 * 255; }

    /// Linear until `warmup`, then half a cosine.
    double rate() const {
      const double t = double(step_ + 1), warm = double(settings_.warmup);
      if (t < warm) return settings_.rate * t / warm;
      const double share = (t - warm) / std::max(1.0, double(settings_.iterations) - warm);
      return settings_.final_rate +
             (settings_.rate - settings_.final_rate) * (1 + std::cos(std::numbers::pi * share)) / 2;
    }

    void take_step(const Tensor& batch) {
      const auto noisy = [this](const Tensor& latent, const std::string& purpose) {
        const auto draw = context_.random("noise/" + purpose);
        return latent + (draw.uniform(latent.sizes(), at::kFloat, step_)[0] - 0.5);
      };
      const auto noise = [&](const std::vector<Tensor>& latents) {
        Network::Values values;
        for (std::size_t i = 0; i < latents.size(); ++i)
          values.latents.push_back(noisy(latents[i], std::to_string(i)));
        if (network_->has_context()) values.counted = noisy(latents[0], "counted");
        return values;
      };
      const at::AutoGradMode recorded(true);
      adam_.zero_gradients();
      quantile_adam_.zero_gradients();
      const auto [bits, mse] = costs(batch, noise);
      (weight() * mse + bits + network_->quantile_loss()).backward();
      const Costs now = costs_of(bits, mse);
      if (!std::isfinite(now.loss))
        throw Error("the loss is not finite at iteration " + std::to_string(step_ + 1) +
                    "; try a smaller 'rate' or 'clip'");
      gradient_ += adam_.step(rate(), settings_.clip, settings_.average);
      quantile_adam_.step(kQuantileRate, 0, 0);
      sum_ += now;
      if (++step_ % settings_.report == 0) report();
    }

    void report() {
      const auto count = double(settings_.report);
      const Costs mean = sum_.over(count);
      history_.add(0, {step_, mean.loss, mean.bits, mean.psnr(), gradient_ / count});
      sum_ = {};
      gradient_ = 0;
    }

    void check() {
      const at::NoGradGuard no_grad;
      adam_.swap_average();
      Costs sum;
      const std::int64_t items = in_.spec(validation).items;
      for (std::int64_t item = 0; item < items; ++item) {
        context_.stop_if_cancelled();
        const Tensor picture = in_.items(validation, item, 1)
                                   .to(at::kFloat)
                                   .expand({1, 3, -1, -1})
                                   .contiguous(at::MemoryFormat::ChannelsLast);
        const auto [bits, mse] = costs(picture, [this](const std::vector<Tensor>& latents) {
          return network_->rounded(latents);
        });
        sum += costs_of(bits, mse);
      }
      adam_.swap_average();
      const Costs mean = sum.over(double(items));
      checks_.add(0, {step_, mean.loss, mean.bits, mean.psnr()});
      if (settings_.patience) {
        const std::vector<double> losses = checks_.reals("loss");
        const auto best = std::min_element(losses.begin(), losses.end());
        finished_ = losses.end() - best > *settings_.patience;
      }
    }

    fs::path checkpoint() const { return context_.scratch() / "checkpoint.h5"; }

    static Tensor rows_of(const Table& table) {
      std::vector<Tensor> columns;
      for (const Column& column : table.columns())
        columns.push_back(at::tensor(table.reals(column.name), at::kDouble));
      return at::stack(columns, 1);
    }

    static void fill(Table& table, const Tensor& rows) {
      const Tensor all = rows.contiguous();
      for (std::int64_t row = 0; row < all.size(0); ++row) {
        std::vector<Cell> cells{static_cast<std::int64_t>(all[row][0].item<double>())};
        for (std::int64_t column = 1; column < all.size(1); ++column)
          cells.emplace_back(all[row][column].item<double>());
        table.add(0, std::move(cells));
      }
    }

    void save() {
      Weights all;
      for (const auto& [name, tensor] : adam_.state()) all.tensors["adam." + name] = tensor;
      for (const auto& [name, tensor] : quantile_adam_.state())
        all.tensors["quantiles." + name] = tensor;
      all.tensors["progress"] = at::tensor(
          {double(step_), finished_ ? 1.0 : 0.0, sum_.loss, sum_.bits, sum_.mse, gradient_},
          at::kDouble);
      if (history_.rows() > 0) all.tensors["history"] = rows_of(history_);
      if (checks_.rows() > 0) all.tensors["checks"] = rows_of(checks_);
      write_weights(checkpoint(), all);
      saved_at_ = std::chrono::steady_clock::now();
    }

    void restore() {
      if (!fs::exists(checkpoint())) return;
      const Weights all = read_weights(checkpoint());
      const auto part = [&all](const std::string& prefix) {
        std::map<std::string, Tensor> tensors;
        for (const auto& [key, tensor] : all.tensors)
          if (key.rfind(prefix, 0) == 0) tensors[key.substr(prefix.size())] = tensor;
        return tensors;
      };
      const at::NoGradGuard no_grad;
      adam_.restore(part("adam."));
      quantile_adam_.restore(part("quantiles."));
      const Tensor progress = all.at("progress").to(at::kDouble);
      const auto number = progress.accessor<double, 1>();
      step_ = static_cast<std::int64_t>(number[0]);
      finished_ = number[1] != 0;
      sum_ = {number[2], number[3], number[4]};
      gradient_ = number[5];
      if (all.tensors.count("history")) fill(history_, all.at("history"));
      if (all.tensors.count("checks")) fill(checks_, all.at("checks"));
      context_.log(Context::Level::info, "goes on after iteration " + std::to_string(step_));
    }

    void write() {
      const at::NoGradGuard no_grad;
      adam_.swap_average();
      Weights weights;
      for (const auto& [key, tensor] : parameters_.all())
        weights.tensors[key] = tensor.detach().clone();
      adam_.swap_average();
      weights.attributes = {{"architecture", name_of(settings_.architecture)},
                            {"alpha", Value(settings_.alpha).text()},
                            {"iterations", std::to_string(step_)}};
      require_place(weights);
      write_weights(settings_.to.path, weights);
    }

    /// The file may stand there only if it is this one, from an interrupted run.
    void require_place(const Weights& weights) const {
      if (!fs::exists(settings_.to.path)) return;
      const Weights there = read_weights(settings_.to.path);
      bool same = there.tensors.size() == weights.tensors.size();
      for (const auto& [key, tensor] : weights.tensors) {
        const auto found = there.tensors.find(key);
        same = same && found != there.tensors.end() && at::equal(found->second, tensor);
      }
      if (!same)
        throw ConfigError("'" + settings_.to.path.string() +
                          "' stands there already with other weights; remove it, or give another "
                          "name in 'to'");
    }

    const Settings& settings_;
    const Inputs& in_;
    Context& context_;
    Parameters parameters_;
    std::unique_ptr<Network> network_;
    Adam adam_, quantile_adam_;
    Table history_, checks_;
    std::chrono::steady_clock::time_point saved_at_;
    std::int64_t step_ = 0;
    bool finished_ = false;
    Costs sum_;  // since the last row of `history`
    double gradient_ = 0;
  };

  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(Train, "Trains a compressive autoencoder");

}  // namespace pellucid
