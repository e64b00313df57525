#include "conformance/instance.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <pellucid/operator.h>

#include "base/temporary_folder.h"
#include "plan/paths.h"
#include "plugin/registry.h"

namespace pellucid::conformance {
namespace {

namespace fs = std::filesystem;
using Edge = Inputs::Edge;

class Lent final : public Context {
 public:
  Lent(const Block& block, const Manner& manner) : block_(block), manner_(manner) {}

  at::Device device() const override { return at::kCPU; }
  int threads() const override { return manner_.threads; }
  bool wanted(const Port&) const override { return true; }
  bool cancelled() const override { return manner_.stop && manner_.stop->load(); }
  void log(Level level, const std::string&) override {
    if (level == Level::warning && manner_.warned) *manner_.warned = true;
  }
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
  std::optional<TemporaryFolder> folder_;
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
    if (case_->argument) methods_ = methods_of(*object, *case_->argument);
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
  const TemporaryFolder folder;
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
  Lent context({0, 1, {}}, manner);
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
  const TemporaryFolder folder;
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

}  // namespace pellucid::conformance
