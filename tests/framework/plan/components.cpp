#include "framework/plan/components.h"

#include <stdexcept>

#include <pellucid/plugin.h>
#include <pellucid/stamp.h>

namespace pellucid::testing {
namespace {

Spec image_spec(std::int64_t items, const std::vector<std::int64_t>& shape) {
  Spec spec;
  spec.items = items;
  spec.axes = shape.size() == 4 ? "czyx" : "chw";
  spec.shape = shape;
  spec.unit = "1";
  return spec;
}

class Images final : public Stage {
 public:
  struct Settings {
    std::int64_t items = 12;
    std::vector<std::int64_t> shape{1, 64, 64};
    std::filesystem::path path;
  };
  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"items", &Settings::items, "", "how many", at_least(0)},
        {"shape", &Settings::shape, "px", "of an item", count(3, 4)},
        {"path", &Settings::path, "", "where they would stand"},
    };
    return rows;
  }
  static constexpr Out<Tensor> images{"images", "images"};
  static const Ports& ports() {
    static const Ports all{images};
    return all;
  }
  explicit Images(Settings settings) : settings_(std::move(settings)) {}
  void infer(const Inputs&, Specs& out) const override {
    out[images] = image_spec(settings_.items, settings_.shape);
  }
  void process(const Inputs&, Outputs&, Context&) const override {}
  std::optional<std::vector<std::int64_t>> halo(const Inputs&) const override {
    return std::vector<std::int64_t>(settings_.shape.size(), 0);
  }

 private:
  Settings settings_;
};

class Pair final : public Stage {
 public:
  static constexpr Out<Tensor> left{"left", "images"};
  static constexpr Out<Tensor> right{"right", "images"};
  static const Ports& ports() {
    static const Ports all{left, right};
    return all;
  }
  void infer(const Inputs&, Specs& out) const override {
    out[left] = out[right] = image_spec(5, {1, 32, 32});
  }
  void process(const Inputs&, Outputs&, Context&) const override {}
};

class Blur final : public ConvolutionOperator {
 public:
  struct Settings {
    double std = 1;
    Boundary boundary = Boundary::reflect;
    std::int64_t bytes = 0;
  };
  static const Schema<Settings>& schema();
  static constexpr In<Tensor> given{"kernel", "the kernel", optional};
  static const Ports& ports() {
    static const Ports all{given};
    return all;
  }
  explicit Blur(Settings settings) : settings_(settings) {}
  void bind(const Inputs& in) override { bound_ = true, has_kernel_ = in.has(given); }
  Spec range(const Spec& x) const override {
    if (!bound_) throw Error("asked before it was bound");
    require_axes(x, "hw");
    return x;
  }
  Tensor forward(const Tensor& x) const override { return x; }
  Tensor adjoint(const Tensor& y) const override { return y; }
  Boundary boundary() const override { return settings_.boundary; }
  Spec kernel_spec() const override {
    Spec kernel;
    kernel.axes = "chw";
    kernel.shape = {1, 7, 7};
    return kernel;
  }
  const Tensor& kernel() const override { return kernel_; }
  std::int64_t resident_bytes() const override { return settings_.bytes; }

 private:
  Settings settings_;
  Tensor kernel_;
  bool bound_ = false;
  bool has_kernel_ = false;
};

const Schema<Blur::Settings>& Blur::schema() {
  static const Schema<Settings> rows{
      {"std", &Settings::std, "px", "standard deviation", positive()},
      {"boundary", &Settings::boundary, "", "what is outside"},
      {"bytes", &Settings::bytes, "B", "what it keeps"},
  };
  return rows;
}

class Linear final : public LinearOperator {
 public:
  Spec range(const Spec& x) const override { return x; }
  Tensor forward(const Tensor& x) const override { return x; }
  Tensor adjoint(const Tensor& y) const override { return y; }
};

class Smooth final : public Denoiser {
 public:
  Tensor denoise(const Tensor& x, double) const override { return x; }
};

class Convolve final : public Stage {
 public:
  static constexpr In<Tensor> x{"x", "images"};
  static constexpr In<ConvolutionOperator> A{"A", "the blur"};
  static constexpr Out<Tensor> y{"y", "blurred images"};
  static const Ports& ports() {
    static const Ports all{x, A, y};
    return all;
  }
  void infer(const Inputs& in, Specs& out) const override { out[y] = in[A].range(in.spec(x)); }
  void process(const Inputs&, Outputs&, Context&) const override {}
  std::optional<std::vector<std::int64_t>> halo(const Inputs&) const override {
    return std::vector<std::int64_t>{0, 3, 3};
  }
};

class Invert final : public Stage {
 public:
  struct Settings {
    std::int64_t working = 0;
    std::optional<double> scale;
  };
  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"working", &Settings::working, "B", "working memory for an item"},
        {"scale", &Settings::scale, "1", "factor", within(0, 10)},
    };
    return rows;
  }
  static constexpr In<Tensor> x{"x", "images"};
  static constexpr Out<Tensor> y{"y", "inverted images"};
  static const Ports& ports() {
    static const Ports all{x, y};
    return all;
  }
  explicit Invert(Settings settings) : settings_(settings) {}
  void infer(const Inputs& in, Specs& out) const override { out[y] = in.spec(x); }
  void process(const Inputs&, Outputs&, Context&) const override {}
  std::int64_t working_bytes(const Inputs& in) const override {
    return in.spec(x).items * settings_.working;
  }

 private:
  Settings settings_;
};

class Double final : public Stage {
 public:
  static constexpr In<Tensor> x{"x", "images"};
  static constexpr Out<Tensor> mean{"mean", "images"};
  static constexpr Out<Tensor> std{"std", "their deviation"};
  static const Ports& ports() {
    static const Ports all{x, mean, std};
    return all;
  }
  void infer(const Inputs& in, Specs& out) const override { out[mean] = out[std] = in.spec(x); }
  void process(const Inputs&, Outputs&, Context&) const override {}
};

TableSpec scores(std::int64_t items) {
  TableSpec table;
  table.items = items;
  table.columns = {{"psnr", Column::Type::real, "dB", 0, ""}};
  return table;
}

class Score final : public Stage {
 public:
  static constexpr In<Tensor> x{"x", "images"};
  static constexpr In<Tensor> reference{"reference", "what they should be", optional};
  static constexpr Out<Table> table{"table", "quality"};
  static const Ports& ports() {
    static const Ports all{x, reference, table};
    return all;
  }
  void infer(const Inputs& in, Specs& out) const override {
    if (in.has(reference)) require_same(in.spec(x), "x", in.spec(reference), "reference");
    out[table] = scores(in.spec(x).items);
  }
  void process(const Inputs&, Outputs&, Context&) const override {}
};

class Iterate final : public Stage {
 public:
  static constexpr In<Tensor> x{"x", "images"};
  static constexpr Out<Tensor> y{"y", "images"};
  static constexpr Out<Table> history{"history", "how they were found"};
  static const Ports& ports() {
    static const Ports all{x, y, history};
    return all;
  }
  void infer(const Inputs& in, Specs& out) const override {
    out[y] = in.spec(x);
    out[history] = scores(in.spec(x).items);
  }
  void process(const Inputs&, Outputs&, Context&) const override {}
};

class Mean final : public Reducer {
 public:
  static constexpr In<Tensor> x{"x", "images"};
  static constexpr Out<Tensor> mean{"mean", "their mean"};
  static constexpr Out<Tensor> sum{"sum", "sum of a block"};
  static const Ports& ports() {
    static const Ports all{x, mean};
    return all;
  }
  void infer(const Inputs& in, Specs& out) const override { out[mean] = one(in); }
  void infer_state(const Inputs& in, Specs& state) const override { state[sum] = one(in); }
  void reduce(const Inputs&, Outputs&, Context&) const override {}
  void finish(const States&, Outputs&, Context&) const override {}

 private:
  static Spec one(const Inputs& in) {
    Spec spec = in.spec(x);
    spec.items = 1;
    return spec;
  }
};

class Summary final : public Reducer {
 public:
  static constexpr In<Table> rows{"rows", "a table"};
  static constexpr Out<Table> table{"table", "one row of averages"};
  static const Ports& ports() {
    static const Ports all{rows, table};
    return all;
  }
  void infer(const Inputs&, Specs& out) const override { out[table] = scores(1); }
  void infer_state(const Inputs&, Specs&) const override {}
  void reduce(const Inputs&, Outputs&, Context&) const override {}
  void finish(const States&, Outputs&, Context&) const override {}
};

class Train final : public Procedure {
 public:
  static constexpr In<Tensor> x{"x", "images to learn from"};
  static constexpr In<Tensor> test{"test", "images to test with", optional};
  static constexpr Out<Denoiser> net{"net", "the trained network"};
  static constexpr Out<Table> loss{"loss", "by step"};
  static const Ports& ports() {
    static const Ports all{x, test, net, loss};
    return all;
  }
  void infer(const Inputs&, Specs& out) const override {
    out[net] = std::make_shared<const Smooth>();
    out[loss] = scores(1);
  }
  void run(const Inputs&, Outputs&, Context&) const override {}
};

class Clean final : public Stage {
 public:
  static constexpr In<Tensor> x{"x", "noisy images"};
  static constexpr In<Denoiser> denoiser{"denoiser", "how"};
  static constexpr Out<Tensor> y{"y", "clean images"};
  static const Ports& ports() {
    static const Ports all{x, denoiser, y};
    return all;
  }
  void infer(const Inputs& in, Specs& out) const override { out[y] = in.spec(x); }
  void process(const Inputs&, Outputs&, Context&) const override {}
};

class Save final : public Sink {
 public:
  struct Settings {
    OutputPath to{"out.h5"};
    std::int64_t bytes = 0;
  };
  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"to", &Settings::to, "", "the file"},
        {"bytes", &Settings::bytes, "B", "what it says it writes"},
    };
    return rows;
  }
  static constexpr AnyIn inputs{"*", "what to save"};
  static const Ports& ports() {
    static const Ports all{inputs};
    return all;
  }
  explicit Save(Settings settings) : settings_(std::move(settings)) {}
  void open(const Inputs&, const SinkStart&, Context&) override {}
  void write(const Inputs&, Context&) override {}
  void sync() override {}
  void close(const std::string&) override {}
  std::int64_t check(const Inputs& in) const override {
    return in.specs(inputs).empty() ? 0 : settings_.bytes;
  }

 private:
  Settings settings_;
};

class Probe final : public Stage {
 public:
  static constexpr In<Tensor> x{"x", "images"};
  static constexpr In<Model> f{"f", "a function"};
  static constexpr Out<Tensor> y{"y", "its values"};
  static const Ports& ports() {
    static const Ports all{x, f, y};
    return all;
  }
  void infer(const Inputs& in, Specs& out) const override { out[y] = in[f].range(in.spec(x)); }
  void process(const Inputs&, Outputs&, Context&) const override {}
};

/// Halves the image, so that the value of a function has another shape than its argument.
class Halve final : public Stage {
 public:
  static constexpr In<Tensor> x{"x", "images"};
  static constexpr Out<Tensor> y{"y", "half as large"};
  static const Ports& ports() {
    static const Ports all{x, y};
    return all;
  }
  void infer(const Inputs& in, Specs& out) const override {
    Spec half = in.spec(x);
    if (half.shape.back() % 2) throw ShapeError("the width must be even, got " + half.text());
    half.shape.back() /= 2;
    out[y] = half;
  }
  void process(const Inputs&, Outputs&, Context&) const override {}
};

class Throwing final : public Stage {
 public:
  struct Settings {
    std::string what = "nothing";
  };
  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{{"what", &Settings::what, "", "is thrown"}};
    return rows;
  }
  static constexpr In<Tensor> x{"x", "images"};
  static constexpr Out<Tensor> y{"y", "never"};
  static const Ports& ports() {
    static const Ports all{x, y};
    return all;
  }
  explicit Throwing(Settings settings) : settings_(std::move(settings)) {}
  void infer(const Inputs& in, Specs& out) const override {
    const std::string& what = settings_.what;
    if (what == "int") throw 7;
    if (what == "standard") throw std::runtime_error("the first line\nthe second");
    if (what == "of a setting") throw ConfigError("'what' cannot be this");
    if (what == "of an input") throw ShapeError("'x' is not wide enough");
    if (what == "no output") return;
    out[y] = in.spec(x);
    if (what == "no axes") out[y].axes = "";
    if (what == "empty") out[y].shape.back() = 0;
    if (what == "huge") out[y].shape.back() = std::int64_t{1} << 61;
    if (what == "items") out[y].items = 3;
  }
  void process(const Inputs&, Outputs&, Context&) const override {}

 private:
  Settings settings_;
};

template <class C>
const ComponentDescriptor* toy(const char* name, const char* summary) {
  static const ComponentDescriptor descriptor{sizeof(ComponentDescriptor),
                                              name,
                                              summary,
                                              detail::kind_of<C>(),
                                              &detail::ports_of<C>,
                                              &detail::create<C>,
                                              "",
                                              &detail::fields_of<C>};
  return &descriptor;
}

}  // namespace

void register_toys() {
  static const ComponentDescriptor* const components[]{
      toy<Images>("images", "Images of zeros"),
      toy<Pair>("pair", "Two images of zeros"),
      toy<Blur>("blur", "A blur"),
      toy<Linear>("linear", "The identity"),
      toy<Smooth>("denoiser", "The identity"),
      toy<Convolve>("convolve", "Applies a blur"),
      toy<Invert>("invert", "Inverts images"),
      toy<Double>("double", "Mean and deviation"),
      toy<Score>("score", "Quality"),
      toy<Iterate>("iterate", "Images and a table"),
      toy<Mean>("mean", "Mean of all items"),
      toy<Summary>("summary", "Averages of a table"),
      toy<Train>("train", "Trains a denoiser"),
      toy<Clean>("clean", "Applies a denoiser"),
      toy<Save>("save", "Saves"),
      toy<Probe>("probe", "Calls a function"),
      toy<Halve>("halve", "Halves images"),
      toy<Throwing>("throwing", "Throws"),
      nullptr};
  static const PluginDescriptor plugin{sizeof(PluginDescriptor), PELLUCID_ABI_STAMP, "toy", "1.0",
                                       components};
  Registry::register_builtin(plugin);
}

Plan plan_of(const std::string& text, const PlanOptions& options) {
  register_toys();
  // At the end, so that lines of the text keep their numbers.
  const Documents documents = read_pipeline_text(text + "\npellucid: 1\n", "p.yaml", "/data");
  return make_plan(documents, Registry(std::vector<std::filesystem::path>{}), options);
}

std::string report_on(const std::string& text, const PlanOptions& options) {
  try {
    plan_of(text, options);
    return "no error";
  } catch (const PipelineErrors& errors) {
    return errors.what();
  }
}

std::size_t node_named(const Plan& plan, const std::string& name) {
  for (std::size_t i = 0; i < plan.nodes.size(); ++i)
    if (plan.nodes[i].name == name) return i;
  throw std::out_of_range("no node " + name);
}

std::vector<std::string> names_in(const Plan& plan, const PlannedStream& stream) {
  std::vector<std::string> names;
  for (const std::size_t node : stream.nodes) names.push_back(plan.nodes[node].name);
  return names;
}

}  // namespace pellucid::testing
