// testing: components loaded as a pipeline would load them, and laws they must obey.
#include <pellucid/testing.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <optional>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/vdot.h>
#include <ATen/ops/zeros.h>

#include "base/attributed.h"
#include "base/temporary_folder.h"
#include "plugin/registry.h"

namespace pellucid::testing {
namespace {

SourceLocation test_place() {
  static const auto file = std::make_shared<const std::string>("test.yaml");
  return {file, 1, 1, nullptr};
}

Value located(Value value) {
  value.locate(test_place());
  for (Value& item : value.items()) item = located(std::move(item));
  for (Value::Entry& entry : value.entries()) {
    entry.value = located(std::move(entry.value));
    entry.where = test_place();
  }
  return value;
}

void throw_first(const Problems& problems) {
  if (!problems.empty()) throw ConfigError(problems.front().sentence, problems.front().where);
}

struct Loaded {
  std::shared_ptr<Component> component;
  const ComponentDescriptor* descriptor = nullptr;
};

Loaded load(const std::string& use, const Settings& settings) {
  const Registry registry;
  const ComponentDescriptor* const descriptor = registry.find_component(use).descriptor;
  Problems problems;
  std::shared_ptr<Component> component =
      registry.make_component(*descriptor, located(Value::map(settings)), problems);
  throw_first(problems);
  return {std::move(component), descriptor};
}

class TestContext final : public Context {
 public:
  TestContext(std::uint64_t seed, std::vector<std::int64_t> items)
      : seed_(seed), items_(std::move(items)) {}

  at::Device device() const override { return at::kCPU; }
  int threads() const override { return at::get_num_threads(); }
  bool wanted(const Port&) const override { return true; }
  bool cancelled() const override { return false; }
  void log(Level, const std::string&) override {}
  void progress(std::int64_t, std::int64_t) override {}
  Random random(const std::string& purpose) const override {
    return Random(seed_, "test", purpose, items_);
  }

  std::filesystem::path scratch() override {
    if (!scratch_) scratch_.emplace();
    return scratch_->path();
  }

 private:
  std::uint64_t seed_;
  std::vector<std::int64_t> items_;
  std::optional<TemporaryFolder> scratch_;
};

/// Axes of an item for which a test gave none: images, with or without channels, or volumes.
std::string axes_of(const Tensor& tensor) {
  static const std::vector<std::string> usual{"", "w", "hw", "chw", "czyx", "tczyx"};
  return usual.at(static_cast<std::size_t>(std::max<std::int64_t>(tensor.dim() - 1, 0)));
}

Inputs::Edge tensor_edge(const std::string& port, const Tensor& tensor, const std::string& axes) {
  return {port, spec_of(tensor, axes.empty() ? axes_of(tensor) : axes), tensor, nullptr};
}

Inputs::Edge table_edge(const std::string& port, const Table& table) {
  std::map<std::int64_t, std::int64_t> rows;  // of each item
  for (std::int64_t row = 0; row < table.rows(); ++row) ++rows[table.item(row)];
  TableSpec spec{1, 1, table.columns()};
  for (const auto& [item, count] : rows) {
    spec.items = std::max(spec.items, item + 1);
    spec.rows_per_item = std::max(spec.rows_per_item, count);
  }
  return {port, spec, table, nullptr};
}

/// Names that no declared input has: an open input gathers them.
std::vector<std::string> open_names(const ComponentDescriptor& component,
                                    const std::vector<Given>& inputs) {
  std::vector<std::string> names;
  for (const Given& given : inputs) {
    const auto& ports = component.ports().all();
    const bool declared = std::any_of(ports.begin(), ports.end(), [&given](const Port& port) {
      return port.direction == Port::Direction::in && !port.any && given.port == port.name;
    });
    if (!declared) names.push_back(given.port);
  }
  return names;
}

struct Edges {
  Inputs planned;  ///< without tensors and tables
  Inputs running;
};

Edges edges_of(const ComponentDescriptor& component, const std::vector<Given>& inputs) {
  Edges edges;
  for (const Given& given : inputs) {
    Inputs::Edge edge{given.port, {}, {}, given.object};
    if (given.tensor.defined()) edge = tensor_edge(given.port, given.tensor, given.axes);
    if (given.table) edge = table_edge(given.port, *given.table);
    edges.running.add(edge);
    edge.value = std::monostate{};
    edges.planned.add(std::move(edge));
  }
  for (Inputs* in : {&edges.planned, &edges.running}) in->set_open(open_names(component, inputs));
  return edges;
}

void check_tensor(const std::string& port, const Spec& spec, const Tensor& tensor,
                  const Block& block) {
  std::vector<std::int64_t> shape{spec.items == 1 ? 1 : block.count};
  shape.insert(shape.end(), spec.shape.begin(), spec.shape.end());
  if (tensor.sizes() != at::IntArrayRef(shape) || tensor.scalar_type() != spec.dtype)
    throw ShapeError("output '" + port + "' was inferred as " + dtype_name(spec.dtype) + " " +
                     shape_text(shape) + ", but is " + dtype_name(tensor.scalar_type()) + " " +
                     shape_text(tensor.sizes()));
}

void check_table(const std::string& port, const TableSpec& spec, const Table& table,
                 const Block& block) {
  const TableSpec found{table.rows(), 1, table.columns()};
  if (table.columns() != spec.columns)
    throw ShapeError("output '" + port + "' was inferred as " + spec.text() + ", but is " +
                     found.text());
  const bool one = spec.items == 1;  // whichever item it is
  const std::int64_t most = (one ? 1 : block.count) * spec.rows_per_item;
  if (table.rows() > most)
    throw ShapeError("output '" + port + "' was inferred with at most " + std::to_string(most) +
                     " rows, but has " + std::to_string(table.rows()));
  for (std::int64_t row = 0; row < table.rows() && !one; ++row)
    if (table.item(row) < block.first || table.item(row) >= block.first + block.count)
      throw ShapeError("output '" + port + "' must have rows of the items " +
                       std::to_string(block.first) + " to " +
                       std::to_string(block.first + block.count - 1) + ", got one of item " +
                       std::to_string(table.item(row)));
}

void check_promises(const Specs& promised, const Outputs& given, const Block& block) {
  for (const auto& [port, value] : promised.all()) {
    const auto found = given.all().find(port);
    const auto* spec = std::get_if<Spec>(&value);
    const auto* rows = std::get_if<TableSpec>(&value);
    const auto* tensor = found == given.all().end() ? nullptr : std::get_if<Tensor>(&found->second);
    const auto* table = found == given.all().end() ? nullptr : std::get_if<Table>(&found->second);
    if ((spec && !(tensor && tensor->defined())) || (rows && !table))
      throw ShapeError("output '" + port + "' was inferred as " +
                       (spec ? spec->text() : rows->text()) + ", but was not set");
    if (spec) check_tensor(port, *spec, *tensor, block);
    if (rows) check_table(port, *rows, *table, block);
  }
}

std::int64_t items_of(const Specs& specs) {
  std::int64_t items = 1;
  for (const auto& [port, value] : specs.all()) {
    if (const auto* spec = std::get_if<Spec>(&value)) items = std::max(items, spec->items);
    if (const auto* table = std::get_if<TableSpec>(&value)) items = std::max(items, table->items);
  }
  return items;
}

/// Standard normal, the same in every process; the leading axis counts items.
Tensor drawn(at::IntArrayRef shape, at::ScalarType dtype, const std::string& purpose) {
  std::vector<std::int64_t> items(static_cast<std::size_t>(shape.empty() ? 1 : shape[0]));
  std::iota(items.begin(), items.end(), 0);
  const Random random(20240229, "law", purpose, items);
  return random.normal(shape.empty() ? shape : shape.slice(1), dtype).reshape(shape);
}

Tensor drawn_like(const Tensor& tensor, const std::string& purpose) {
  return drawn(tensor.sizes(), tensor.scalar_type(), purpose).to(tensor.device());
}

c10::complex<double> product(const Tensor& a, const Tensor& b) {
  const Tensor p = at::vdot(a.flatten(), b.flatten());
  if (p.is_complex()) return p.to(at::kComplexDouble).item<c10::complex<double>>();
  return p.to(at::kDouble).item<double>();
}

double length_of(const Tensor& tensor) { return tensor.norm().to(at::kDouble).item<double>(); }

double total_of(const Tensor& values) { return values.sum().to(at::kDouble).item<double>(); }

}  // namespace

std::shared_ptr<Component> load_component(const std::string& use, const Settings& settings) {
  return load(use, settings).component;
}

std::shared_ptr<const Component> detail::load_object(const std::string& use,
                                                     const Settings& settings,
                                                     const std::vector<Given>& inputs,
                                                     PortType wanted) {
  const Loaded loaded = load(use, settings);
  const Kind kind = loaded.descriptor->kind;
  if (!is_object(kind) || !fits(port_type_of(kind), wanted))
    throw ConfigError("'" + use + "' is of the kind " + name_of(kind) + ", not " + name_of(wanted),
                      test_place());
  const auto object = std::dynamic_pointer_cast<Object>(loaded.component);
  attributed(test_place(), {}, {}, [&] {
    const Edges edges = edges_of(*loaded.descriptor, inputs);
    object->bind(edges.planned);
    object->prepare(edges.running, *context());
  });
  return object;
}

std::unique_ptr<Context> context(std::uint64_t seed, std::vector<std::int64_t> items) {
  return std::make_unique<TestContext>(seed, std::move(items));
}

Outputs run_stage(const std::string& use, const Settings& settings,
                  const std::vector<Given>& inputs, std::int64_t first, std::int64_t count) {
  const Loaded loaded = load(use, settings);
  const auto stage = std::dynamic_pointer_cast<Stage>(loaded.component);
  if (!stage)
    throw ConfigError(
        "'" + use + "' is a " + name_of(loaded.descriptor->kind) + ", not a stage or a source",
        test_place());
  Outputs out;
  attributed(test_place(), {}, {}, [&] {
    auto [planned, running] = edges_of(*loaded.descriptor, inputs);
    Specs promised;
    stage->infer(planned, promised);

    const Block block{first, count < 0 ? items_of(promised) - first : count, {}};
    running.set_block(block);
    std::vector<std::int64_t> items(static_cast<std::size_t>(block.count));
    std::iota(items.begin(), items.end(), first);
    const auto lent = context(1, items);
    stage->prepare(planned, *lent);
    stage->process(running, out, *lent);
    check_promises(promised, out, block);
  });
  return out;
}

double adjoint_gap(const LinearOperator& a, at::IntArrayRef shape, at::ScalarType dtype) {
  const Tensor x = drawn(shape, dtype, "x");
  const Tensor ax = a.forward(x);
  const Tensor y = drawn_like(ax, "y");
  const auto left = product(ax, y);
  const auto right = product(x, a.adjoint(y));
  // Of a real x only the real part of the products means anything.
  const double gap = x.is_complex() ? std::abs(left - right) : std::abs(left.real() - right.real());
  return gap / (length_of(ax) * length_of(y));
}

double linearity_gap(const Operator& a, at::IntArrayRef shape, at::ScalarType dtype) {
  constexpr double first = 1.7, second = -0.6;
  const Tensor x = drawn(shape, dtype, "x"), z = drawn(shape, dtype, "z");
  const Tensor whole = a.forward(first * x + second * z);
  const Tensor parts = first * a.forward(x) + second * a.forward(z);
  return length_of(whole - parts) / length_of(whole);
}

double gradient_gap(const std::function<Tensor(const Tensor&)>& value,
                    const std::function<Tensor(const Tensor&)>& gradient, const Tensor& x) {
  const Tensor slope = gradient(x);
  const double length = length_of(slope);
  // The step at which truncation and rounding of central differences are equally small.
  const double step = std::cbrt(std::numeric_limits<double>::epsilon()) * (1 + length_of(x));
  double largest = 0;
  for (const char* purpose : {"d0", "d1", "d2", "d3", "d4"}) {
    Tensor direction = drawn_like(x, purpose);
    direction = direction / length_of(direction);
    const double difference =
        (total_of(value(x + step * direction)) - total_of(value(x - step * direction))) /
        (2 * step);
    largest = std::max(largest, std::abs(difference - product(slope, direction).real()));
  }
  return length == 0 ? largest : largest / length;
}

double prox_gap(const Functional& g, const Tensor& x, double step) {
  const auto objective = [&](const Tensor& u) {
    const double distance = length_of(u - x);
    return total_of(g.value(u)) + distance * distance / (2 * step);
  };
  const Tensor u = g.prox(x, step);
  const double at_prox = objective(u);
  if (!std::isfinite(at_prox)) return std::numeric_limits<double>::infinity();
  double best = at_prox;
  const double size = length_of(u) + length_of(x) + 1;
  for (const char* purpose : {"d0", "d1", "d2", "d3", "d4"}) {
    Tensor direction = drawn_like(x, purpose);
    direction = direction * (size / length_of(direction));
    for (double distance = 1e-1; distance > 1e-5; distance /= 10)
      for (const double sign : {-1.0, 1.0})
        best = std::min(best, objective(u + sign * distance * direction));
  }
  // Towards and away from x, and towards zero: where a wrong step or weight shows.
  for (double part = 0.5; part > 1e-4; part /= 2)
    for (const double sign : {-1.0, 1.0}) {
      best = std::min(best, objective(u + sign * part * (x - u)));
      best = std::min(best, objective(u * (1 + sign * part)));
    }
  const double gained = at_prox - best;
  const double rounding = 64 * std::numeric_limits<double>::epsilon() * std::abs(at_prox);
  return gained <= rounding ? 0 : gained / std::max(std::abs(at_prox), 1e-300);
}

Tensor impulse(std::int64_t n) {
  Tensor image = at::zeros({1, 1, n, n}, at::kDouble);
  image[0][0][n / 2][n / 2].fill_(1);
  return image;
}

}  // namespace pellucid::testing
