#include "conformance/instance.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <pellucid/model.h>
#include <pellucid/operator.h>
#include <pellucid/prior.h>

#include "plan/paths.h"
#include "plugin/registry.h"

namespace pellucid::conformance {
namespace {

namespace fs = std::filesystem;
using Edge = Inputs::Edge;

constexpr double kNoiseLevel = 0.1;  // that denoisers are told
constexpr double kProxStep = 0.3;

/// A folder that goes when it is no longer needed.
class Folder {
 public:
  Folder() {
    std::string pattern = fs::temp_directory_path() / "pellucid-conformance-XXXXXX";
    if (!mkdtemp(pattern.data())) throw Error("no temporary folder '" + pattern + "' can be made");
    path_ = pattern;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code none;
    fs::remove_all(path_, none);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

class Lent final : public Context {
 public:
  Lent(const Block& block, const Manner& manner) : block_(block), manner_(manner) {}

  at::Device device() const override { return at::kCPU; }
  int threads() const override { return manner_.threads; }
  bool wanted(const Port&) const override { return true; }
  bool cancelled() const override { return manner_.stop && manner_.stop->load(); }
  void log(Level, const std::string&) override {}
  void progress(std::int64_t, std::int64_t) override {}
  fs::path scratch() override {
    if (!folder_) folder_.emplace();
    return folder_->path();
  }
  Random random(const std::string& purpose) const override {
    std::vector<std::int64_t> items(static_cast<std::size_t>(block_.count));
    std::iota(items.begin(), items.end(), block_.first);
    return Random(1, "conformance", purpose, items, block_.region);
  }

 private:
  Block block_;
  Manner manner_;
  std::optional<Folder> folder_;
};

class Reader final : public ItemReader {
 public:
  explicit Reader(const std::vector<Edge>& edges) : edges_(edges) {}

  Tensor tensor(const std::string& port, std::int64_t first, std::int64_t count) const override {
    return tensor_of(edge(port)).narrow(0, first, count);
  }
  Table table(const std::string& port, std::int64_t first, std::int64_t count) const override {
    const Edge& whole = edge(port);
    const std::int64_t items = std::get<TableSpec>(whole.spec).items;
    return std::get<Table>(part_of(whole, {first, count, {}}, items).value);
  }
  const Component& object(const std::string& port, std::int64_t) const override {
    return *edge(port).object;
  }

 private:
  const Edge& edge(const std::string& port) const {
    for (const Edge& edge : edges_)
      if (edge.name == port) return edge;
    throw Error("there is no input '" + port + "'");
  }
  const std::vector<Edge>& edges_;
};

class Gathered final : public States {
 public:
  explicit Gathered(std::vector<Outputs> states) : states_(std::move(states)) {}
  std::int64_t count() const override { return static_cast<std::int64_t>(states_.size()); }
  Outputs at(std::int64_t index) const override {
    return states_.at(static_cast<std::size_t>(index));
  }

 private:
  std::vector<Outputs> states_;
};

Promises promises_of(const Specs& specs) {
  Promises promised;
  for (const auto& [port, value] : specs.all()) {
    if (const auto* spec = std::get_if<Spec>(&value)) promised[port] = *spec;
    if (const auto* rows = std::get_if<TableSpec>(&value)) promised[port] = *rows;
  }
  return promised;
}

Results results_of(const Outputs& outputs) {
  Results results;
  for (const auto& [port, value] : outputs.all()) {
    if (const auto* tensor = std::get_if<Tensor>(&value)) results[port] = *tensor;
    if (const auto* table = std::get_if<Table>(&value)) results[port] = *table;
  }
  return results;
}

/// Bits of an edge's tensor before a call, compared after it.
class Guard {
 public:
  void keep(const std::string& port, const Tensor& tensor) {
    kept_.push_back({port, tensor, tensor.clone()});
  }
  void check() const {
    for (const auto& [port, tensor, before] : kept_)
      if (!same_bits(tensor, before))
        throw Fault("its input '" + port + "' must stay as it is, and was written to");
  }

 private:
  struct Kept {
    std::string port;
    Tensor tensor;
    Tensor before;
  };
  static bool same_bits(const Tensor& a, const Tensor& b) {
    const Tensor x = a.contiguous(), y = b.contiguous();
    return std::memcmp(x.const_data_ptr(), y.const_data_ptr(), x.nbytes()) == 0;
  }
  std::vector<Kept> kept_;
};

Spec with_items(Spec spec, std::int64_t items) {
  spec.items = items;
  return spec;
}

Spec one_value(const Spec& x) { return {x.items, at::kFloat, "", {}, {}, {}, {}}; }

std::string place_text(const Tensor& tensor, std::int64_t flat) {
  std::vector<std::int64_t> place;
  for (std::int64_t axis = tensor.dim(); axis-- > 0;) {
    place.insert(place.begin(), flat % tensor.size(axis));
    flat /= tensor.size(axis);
  }
  std::string text;
  for (const std::int64_t index : place) text += (text.empty() ? "" : ", ") + std::to_string(index);
  return "[" + text + "]";
}

std::string number(double value) { return Value(value).text(); }

Tensor in_double(const Tensor& tensor) {
  return tensor.is_complex() ? at::view_as_real(tensor.to(at::kComplexDouble).resolve_conj())
                             : tensor.to(at::kDouble);
}

std::string difference_of(const std::string& port, const Tensor& expected, const Tensor& found,
                          double tolerance) {
  if (expected.sizes() != found.sizes())
    return "'" + port + "' is " + shape_text(found.sizes()) + " instead of " +
           shape_text(expected.sizes());
  if (expected.numel() == 0) return {};
  const Tensor a = in_double(expected), b = in_double(found);
  const Tensor usual = a.isfinite();
  const Tensor same = (a == b).logical_or(a.isnan().logical_and(b.isnan()));
  const double largest = at::where(usual, a.abs(), 0.0).max().item<double>();
  Tensor gap = at::where(same, 0.0, (a - b).abs()).nan_to_num(INFINITY, INFINITY);
  const std::int64_t worst = gap.argmax().item<std::int64_t>();
  const double most = gap.flatten()[worst].item<double>();
  if (most <= tolerance * largest) return {};
  return "'" + port + "' is " + number(b.flatten()[worst].item<double>()) + " instead of " +
         number(a.flatten()[worst].item<double>()) + " at " + place_text(a, worst);
}

/// Rows of one item stay in their order; that of the items follows from the blocks.
Table by_item(const Table& table) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(table.rows()));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&table](std::int64_t a, std::int64_t b) {
    return table.item(a) < table.item(b);
  });
  Table sorted(table.columns());
  for (const std::int64_t row : order) {
    std::vector<Cell> cells;
    for (std::size_t column = 0; column < table.columns().size(); ++column)
      cells.push_back(table.cell(row, static_cast<std::int64_t>(column)));
    sorted.add(table.item(row), std::move(cells));
  }
  return sorted;
}

std::string difference_of(const std::string& port, const Table& expected, const Table& found,
                          double tolerance) {
  if (expected.rows() != found.rows())
    return "'" + port + "' has " + std::to_string(found.rows()) + " rows instead of " +
           std::to_string(expected.rows());
  for (std::size_t column = 0; column < expected.columns().size(); ++column) {
    const Column& meant = expected.columns()[column];
    double largest = 0;
    if (meant.type == Column::Type::real)
      for (const double value : expected.reals(meant.name))
        if (std::isfinite(value)) largest = std::max(largest, std::abs(value));
    for (std::int64_t row = 0; row < expected.rows(); ++row) {
      const Cell a = expected.cell(row, static_cast<std::int64_t>(column));
      const Cell b = found.cell(row, static_cast<std::int64_t>(column));
      bool same = a == b && expected.item(row) == found.item(row);
      if (const auto* x = std::get_if<double>(&a); x && std::holds_alternative<double>(b)) {
        const double y = std::get<double>(b);
        same = expected.item(row) == found.item(row) &&
               (*x == y || (std::isnan(*x) && std::isnan(y)) ||
                std::abs(*x - y) <= tolerance * largest);
      }
      if (!same)
        return "'" + port + "' differs in row " + std::to_string(row) + ", column '" + meant.name +
               "'";
    }
  }
  return {};
}

}  // namespace

std::shared_ptr<Component> make(const ComponentDescriptor& component, const Value& settings) {
  Problems problems;
  std::shared_ptr<Component> made =
      Registry(std::vector<fs::path>{}).make_component(component, settings, problems);
  if (!problems.empty()) throw ConfigError(problems.front().sentence);
  return made;
}

Instance::Instance(const ComponentDescriptor& component, const Case& of, bool only_planned)
    : descriptor_(&component), case_(std::make_shared<const Case>(of)) {
  component_ = make(component, of.settings);
  plan();
  if (!only_planned) prepare();
}

bool Instance::is_cut_into_blocks() const { return kind() != Kind::procedure; }

void Instance::plan() {
  const Inputs in = planned(*descriptor_, case_->inputs);
  items_ = case_->items();
  if (auto* object = dynamic_cast<Object*>(component_.get())) {
    object->bind(in);
    if (case_->argument) methods_ = methods_of(*object);
    for (const Method& method : methods_) promised_[method.name] = method.promised;
  } else if (const auto* worker = dynamic_cast<const Worker*>(component_.get())) {
    Specs specs;
    worker->infer(in, specs);
    promised_ = promises_of(specs);
    if (kind() != Kind::source) return;
    items_ = 0;
    for (const auto& [port, promise] : promised_)
      items_ = std::max(items_, std::visit([](const auto& spec) { return spec.items; }, promise));
  } else if (const auto* sink = dynamic_cast<const Sink*>(component_.get())) {
    sink->check(in);
  }
}

void Instance::prepare() {
  // An object is made for the items of its inputs; what is made once for all draws as item 0.
  std::int64_t rows = 1;
  for (const Edge& edge : case_->inputs)
    if (const auto* spec = std::get_if<Spec>(&edge.spec); spec && spec->items == items_)
      rows = items_;
  const Block block{0, is_object(kind()) ? rows : items_, {}};
  Lent context(block, {});
  if (!is_object(kind())) {
    if (kind() != Kind::sink) component_->prepare(planned(*descriptor_, case_->inputs), context);
    return;
  }
  // Copies of its own, so that an object that writes to them spoils no other check.
  std::vector<Edge> edges = case_->inputs;
  Guard guard;
  for (Edge& edge : edges)
    if (auto* tensor = std::get_if<Tensor>(&edge.value); tensor && tensor->defined()) {
      *tensor = tensor->clone();
      guard.keep(edge.name, *tensor);
    }
  component_->prepare(given(*descriptor_, edges, block), context);
  try {
    guard.check();
  } catch (const Fault& fault) {
    written_to_ = fault.what();
  }
}

std::vector<Method> Instance::methods_of(const Object& object) const {
  const Edge& x = *case_->argument;
  const Spec& spec = tensor_spec(x);
  std::vector<Method> all;
  const auto drawn = [](const std::string& name, const Spec& like) {
    return Edge{name, like, normal_like(like, name), nullptr};
  };

  if (const auto* a = dynamic_cast<const Operator*>(&object)) {
    const Spec y = a->range(spec);
    all.push_back({"forward", y, {x}, [](const Object& o, const std::vector<Tensor>& in) {
                     return dynamic_cast<const Operator&>(o).apply(in[0]);
                   }});
    if (dynamic_cast<const LinearOperator*>(a))
      all.push_back({"adjoint", spec, {drawn("y", y)}, [](const Object& o, const auto& in) {
                       return dynamic_cast<const LinearOperator&>(o).apply_adjoint(in[0]);
                     }});
    else
      all.push_back({"vjp", spec, {x, drawn("v", y)}, [](const Object& o, const auto& in) {
                       return dynamic_cast<const Operator&>(o).vjp(in[0], in[1]);
                     }});
  } else if (const auto* prior = dynamic_cast<const LatentPrior*>(&object)) {
    std::vector<Edge> latents;
    std::size_t index = 0;
    for (const Latent& latent : prior->latents(spec)) {
      const Spec promised = with_items(latent.spec, spec.items);
      latents.push_back(drawn(latent.name, promised));
      all.push_back({"encode." + latent.name, promised, {x}, [index](const Object& o, auto& in) {
                       return dynamic_cast<const LatentPrior&>(o).encode(in[0]).at(index);
                     }});
      all.push_back({"scale." + latent.name, promised, {}, [index](const Object& o, auto& in) {
                       return dynamic_cast<const LatentPrior&>(o).start_scales(in).at(index);
                     }});
      ++index;
    }
    for (Method& method : all)
      if (method.arguments.empty()) method.arguments = latents;
    const std::vector<std::int64_t> size = last_sizes(spec.shape, 2);
    all.push_back({"decode", spec, latents, [size](const Object& o, const auto& in) {
                     return dynamic_cast<const LatentPrior&>(o).decode(in, size);
                   }});
    Spec energy = one_value(spec);
    energy.dtype = spec.dtype;
    all.push_back({"energy", energy, latents, [](const Object& o, const auto& in) {
                     return dynamic_cast<const LatentPrior&>(o).energy(in);
                   }});
  } else if (dynamic_cast<const Denoiser*>(&object)) {
    all.push_back({"denoise", spec, {x}, [](const Object& o, const auto& in) {
                     return dynamic_cast<const Denoiser&>(o).denoise(in[0], kNoiseLevel);
                   }});
  } else if (const auto* g = dynamic_cast<const Functional*>(&object)) {
    Spec value = one_value(spec);
    value.dtype = c10::toRealValueType(spec.dtype);
    if (g->has_value())
      all.push_back({"value", value, {x}, [](const Object& o, const auto& in) {
                       return dynamic_cast<const Functional&>(o).value(in[0]);
                     }});
    if (g->has_gradient())
      all.push_back({"gradient", spec, {x}, [](const Object& o, const auto& in) {
                       return dynamic_cast<const Functional&>(o).gradient(in[0]);
                     }});
    if (g->has_prox())
      all.push_back({"prox", spec, {x}, [](const Object& o, const auto& in) {
                       return dynamic_cast<const Functional&>(o).prox(in[0], kProxStep);
                     }});
  } else if (const auto* model = dynamic_cast<const Model*>(&object)) {
    const Spec row = with_items(spec, 1);
    all.push_back(
        {"value",
         with_items(model->range(row), spec.items),
         {x},
         [](const Object& o, const auto& in) { return dynamic_cast<const Model&>(o)(in[0], 0); }});
  }
  return all;
}

std::vector<Block> Instance::blocks(const Manner& manner) const {
  const std::int64_t step = manner.block <= 0 ? std::max<std::int64_t>(1, items_) : manner.block;
  std::vector<Block> all;
  for (std::int64_t first = 0; first < items_; first += step)
    all.push_back({first, std::min(step, items_ - first), {}});
  if (items_ == 0) all.push_back({0, 0, {}});
  if (manner.backwards) std::reverse(all.begin(), all.end());
  return all;
}

std::vector<Edge> Instance::cut(const Block& block, const Manner& manner) const {
  std::vector<Edge> edges;
  for (const Edge& edge : case_->inputs) {
    edges.push_back(part_of(edge, block, items_));
    if (manner.disguise && std::holds_alternative<Tensor>(edges.back().value))
      edges.back().value = manner.disguise(edge.name, tensor_of(edges.back()), block);
  }
  return edges;
}

Results Instance::compute(const Block& block, const Manner& manner) const {
  if (is_object(kind())) return compute_object(block, manner);
  const std::vector<Edge> edges = cut(block, manner);
  Guard guard;
  if (manner.guard)
    for (const Edge& edge : edges)
      if (std::holds_alternative<Tensor>(edge.value)) guard.keep(edge.name, tensor_of(edge));

  Lent context(block, manner);
  const Inputs in = given(*descriptor_, edges, block);
  Outputs out;
  Promises promised = promised_;
  if (const auto* stage = dynamic_cast<const Stage*>(component_.get())) {
    stage->process(in, out, context);
  } else {
    const auto& reducer = dynamic_cast<const Reducer&>(*component_);
    Specs state;
    reducer.infer_state(in, state);
    promised = promises_of(state);
    reducer.reduce(in, out, context);
  }
  guard.check();
  Results results = results_of(out);
  require_promised(promised, results, block, items_);
  return results;
}

Results Instance::compute_object(const Block& block, const Manner& manner) const {
  std::shared_ptr<const Component> component = component_;
  const auto is_cut = [&](const Edge& edge) {
    const auto* spec = std::get_if<Spec>(&edge.spec);
    return spec && (block.region || (spec->items == items_ && block.count < items_));
  };
  // As in a run: an object whose inputs are cut is made for each block.
  if (std::any_of(case_->inputs.begin(), case_->inputs.end(), is_cut)) {
    Case part = *case_;
    for (Edge& edge : part.inputs) edge = part_of(edge, block, items_);
    *part.argument = part_of(*part.argument, block, items_);
    component = Instance(*descriptor_, part).component_;
  }
  const auto& object = dynamic_cast<const Object&>(*component);

  Results results;
  for (const Method& method : methods_) {
    if (block.region && method.name != "forward") continue;
    Guard guard;
    std::vector<Tensor> arguments;
    for (const Edge& edge : method.arguments) {
      Tensor part = tensor_of(part_of(edge, block, items_));
      if (manner.disguise) part = manner.disguise(edge.name, part, block);
      if (manner.guard) guard.keep(edge.name, part);
      arguments.push_back(std::move(part));
    }
    results[method.name] = method.call(object, arguments);
    guard.check();
  }
  Promises promised = promised_;
  if (block.region) promised = {{"forward", promised_.at("forward")}};
  require_promised(promised, results, block, items_);
  return results;
}

Results Instance::run(const Manner& manner) const {
  if (manner.guard && !written_to_.empty()) throw Fault(written_to_);
  at::set_num_threads(manner.threads);
  if (kind() == Kind::reducer) return reduced(manner);
  if (kind() == Kind::procedure) return procedure(manner);
  if (kind() == Kind::sink) return sink(manner);

  std::vector<Block> all = blocks(manner);
  std::vector<Results> parts;
  for (const Block& block : all) parts.push_back(compute(block, manner));
  if (manner.backwards) std::reverse(parts.begin(), parts.end());

  Results whole;
  for (const auto& [port, promise] : promised_) {
    if (std::holds_alternative<TableSpec>(promise)) {
      Table table(std::get<TableSpec>(promise).columns);
      for (const Results& part : parts) table.append(std::get<Table>(part.at(port)));
      whole[port] = std::move(table);
      continue;
    }
    std::vector<Tensor> tensors;
    for (const Results& part : parts) tensors.push_back(std::get<Tensor>(part.at(port)));
    const bool one = std::get<Spec>(promise).items != items_;
    whole[port] = one || tensors.size() == 1 ? tensors.front() : at::cat(tensors);
  }
  return whole;
}

Results Instance::reduced(const Manner& manner) const {
  const auto& reducer = dynamic_cast<const Reducer&>(*component_);
  std::vector<Outputs> states;
  for (const Block& block : blocks(manner)) {
    Outputs state;
    for (const auto& [port, value] : compute(block, manner))
      std::visit([&, &name = port](const auto& one) { state.set(name, one); }, value);
    states.push_back(std::move(state));
  }
  if (manner.backwards) std::reverse(states.begin(), states.end());
  Lent context({0, items_, {}}, manner);
  Outputs out;
  reducer.finish(Gathered(std::move(states)), out, context);
  Results results = results_of(out);
  require_promised(promised_, results, {0, items_, {}}, items_);
  return results;
}

/// A new component that writes its files into a folder.
std::shared_ptr<Component> Instance::made_in(const fs::path& folder) const {
  Value settings = case_->settings;
  visit_paths(settings, descriptor_->fields(), Field::Type::output_path,
              [&](Value& path) { path = Value((folder / path.text()).string()); });
  return make(*descriptor_, settings);
}

Results Instance::procedure(const Manner& manner) const {
  const Folder folder;
  const std::shared_ptr<Component> made = made_in(folder.path());
  const Block all{0, items_, {}};
  const std::vector<Edge> edges = cut(all, manner);
  Guard guard;
  if (manner.guard)
    for (const Edge& edge : edges)
      if (std::holds_alternative<Tensor>(edge.value)) guard.keep(edge.name, tensor_of(edge));
  const Reader reader(edges);
  Inputs in = planned(*descriptor_, edges);
  in.set_reader(&reader);
  in.set_block(all);
  Lent context(all, manner);
  made->prepare(planned(*descriptor_, edges), context);
  Outputs out;
  dynamic_cast<const Procedure&>(*made).run(in, out, context);
  guard.check();
  Results results = results_of(out);
  require_promised(promised_, results, all, items_);
  return results;
}

/// The files that a sink writes, byte by byte.
Results Instance::sink(const Manner& manner) const {
  const Folder folder;
  const std::shared_ptr<Component> made = made_in(folder.path());
  auto& sink = dynamic_cast<Sink&>(*made);
  Lent context({0, items_, {}}, manner);
  Inputs whole = planned(*descriptor_, case_->inputs);
  whole.set_block({0, items_, {}});
  sink.prepare(whole, context);
  sink.open(whole, {}, context);
  for (const Block& block : blocks(manner)) {
    const std::vector<Edge> edges = cut(block, manner);
    Guard guard;
    if (manner.guard)
      for (const Edge& edge : edges)
        if (std::holds_alternative<Tensor>(edge.value)) guard.keep(edge.name, tensor_of(edge));
    sink.write(given(*descriptor_, edges, block), context);
    guard.check();
  }
  sink.sync();
  sink.close("");
  Results files;
  for (const std::string& file : sink.files()) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream) throw Fault("it says that it made the file '" + file + "', which is not there");
    const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
    Tensor copy = at::empty({static_cast<std::int64_t>(bytes.size())}, at::kByte);
    std::memcpy(copy.data_ptr(), bytes.data(), bytes.size());
    files[fs::path(file).lexically_relative(folder.path()).string()] = copy;
  }
  return files;
}

std::optional<std::int64_t> Instance::working_bytes() const {
  if (const auto* a = dynamic_cast<const Operator*>(component_.get()))
    return a->working_bytes(tensor_spec(*case_->argument));
  if (const auto* worker = dynamic_cast<const Worker*>(component_.get()))
    return worker->working_bytes(planned(*descriptor_, case_->inputs));
  return std::nullopt;
}

std::optional<Spec> Instance::tiled() const {
  if (is_object(kind())) {
    if (!dynamic_cast<const Operator*>(component_.get())) return std::nullopt;
    return tensor_spec(*case_->argument);
  }
  for (const Edge* edge : case_->tensors()) return tensor_spec(*edge);
  for (const auto& [port, promise] : promised_)
    if (const auto* spec = std::get_if<Spec>(&promise)) return *spec;
  return std::nullopt;
}

std::optional<std::vector<std::int64_t>> Instance::halo() const {
  if (const auto* a = dynamic_cast<const Operator*>(component_.get()))
    return a->halo(tensor_spec(*case_->argument));
  if (const auto* stage = dynamic_cast<const Stage*>(component_.get()))
    return stage->halo(planned(*descriptor_, case_->inputs));
  return std::nullopt;
}

void require_promised(const Promises& promised, const Results& results, const Block& block,
                      std::int64_t items) {
  for (const auto& [port, promise] : promised) {
    const auto found = results.find(port);
    if (const auto* rows = std::get_if<TableSpec>(&promise)) {
      const auto* table = found == results.end() ? nullptr : std::get_if<Table>(&found->second);
      if (!table) throw Fault("'" + port + "' was inferred as a table and was not set");
      if (table->columns() != rows->columns)
        throw Fault("'" + port + "' was inferred as " + rows->text() + " and has other columns");
      const bool one = rows->items != items;
      const std::int64_t most = (one ? rows->items : block.count) * rows->rows_per_item;
      if (table->rows() > most)
        throw Fault("'" + port + "' was inferred with at most " + std::to_string(most) +
                    " rows and has " + std::to_string(table->rows()));
      for (std::int64_t row = 0; row < table->rows() && !one; ++row)
        if (table->item(row) < block.first || table->item(row) >= block.first + block.count)
          throw Fault("'" + port + "' must speak of the items " + std::to_string(block.first) +
                      " to " + std::to_string(block.first + block.count - 1) +
                      ", and has a row of item " + std::to_string(table->item(row)));
      continue;
    }
    const auto& spec = std::get<Spec>(promise);
    const auto* tensor = found == results.end() ? nullptr : std::get_if<Tensor>(&found->second);
    if (!tensor || !tensor->defined())
      throw Fault("'" + port + "' was inferred as " + spec.text() + " and was not set");
    std::vector<std::int64_t> shape{spec.items == items ? block.count : spec.items};
    shape.insert(shape.end(), spec.shape.begin(), spec.shape.end());
    if (block.region)
      for (std::size_t a = 0; a < block.region->size.size() && a + 1 < shape.size(); ++a)
        if (shape[a + 1] == block.region->whole[a]) shape[a + 1] = block.region->size[a];
    if (tensor->sizes() != at::IntArrayRef(shape))
      throw Fault("'" + port + "' was inferred as " + shape_text(shape) + " and is " +
                  shape_text(tensor->sizes()));
    if (tensor->scalar_type() != spec.dtype)
      throw Fault("'" + port + "' was inferred as " + dtype_name(spec.dtype) + " and is " +
                  dtype_name(tensor->scalar_type()));
  }
}

std::string difference(const Results& expected, const Results& found, double tolerance) {
  for (const auto& [port, value] : expected) {
    const auto other = found.find(port);
    if (other == found.end()) return "'" + port + "' is missing";
    std::string said;
    if (const auto* tensor = std::get_if<Tensor>(&value))
      said = difference_of(port, *tensor, std::get<Tensor>(other->second), tolerance);
    else
      said = difference_of(port, by_item(std::get<Table>(value)),
                           by_item(std::get<Table>(other->second)), tolerance);
    if (!said.empty()) return said;
  }
  return {};
}

std::string nonfinite(const Results& results) {
  for (const auto& [port, value] : results) {
    const auto* tensor = std::get_if<Tensor>(&value);
    if (!tensor || tensor->numel() == 0) continue;
    const Tensor bad = in_double(*tensor).isfinite().logical_not();
    if (bad.any().item<bool>())
      return "'" + port + "' is not finite at " +
             place_text(bad, bad.to(at::kInt).argmax().item<std::int64_t>());
  }
  return {};
}

}  // namespace pellucid::conformance
