#include "run/node_call.h"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <utility>

#include <c10/util/Exception.h>

#include "base/attributed.h"
#include "base/log.h"
#include "isolation/component.h"
#include "run/allocator.h"

namespace pellucid {

Rows Rows::of(const Block& block) {
  Rows rows{block, {}};
  rows.items.resize(static_cast<std::size_t>(block.count));
  for (std::int64_t i = 0; i < block.count; ++i)
    rows.items[static_cast<std::size_t>(i)] = block.first + i;
  return rows;
}

Rows rows_of(const Inputs& in, std::size_t count) {
  Rows rows{in.block(), {}};
  for (std::size_t row = 0; row < count; ++row)
    rows.items.push_back(in.item(static_cast<std::int64_t>(row)));
  return rows;
}

NodeContext::NodeContext(const RunEnvironment& environment, std::size_t node, const Rows& rows,
                         const std::string& draw)
    : environment_(environment), node_(node), rows_(rows), draw_(draw) {}

NodeContext::~NodeContext() = default;

at::Device NodeContext::device() const { return at::Device(environment_.plan->settings.device); }

int NodeContext::threads() const { return environment_.plan->threads; }

bool NodeContext::wanted(const Port& out) const {
  const Plan& plan = *environment_.plan;
  if (!plan.consumers(node_, out.name).empty()) return true;
  for (const PlannedResult& result : plan.results)
    if (result.node == node_ && result.port == out.name) return true;
  return false;
}

double NodeContext::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

bool NodeContext::cancelled() const {
  const PlannedNode& node = environment_.plan->nodes[node_];
  if (node.timeout && seconds() > *node.timeout) return true;
  return environment_.stop != nullptr && environment_.stop->load(std::memory_order_relaxed);
}

void NodeContext::log(Level level, const std::string& sentence) {
  const std::string line = environment_.plan->nodes[node_].name + ": " + sentence;
  switch (level) {
    case Level::debug:
      log_debug(line);
      break;
    case Level::info:
      log_info(line);
      break;
    case Level::warning:
      log_warning(line);
      break;
  }
}

void NodeContext::progress(std::int64_t done, std::int64_t total) {
  if (environment_.progress) environment_.progress(node_, done, total);
}

std::filesystem::path NodeContext::scratch() {
  const PlannedNode& node = environment_.plan->nodes[node_];
  std::filesystem::path folder = environment_.scratch;
  if (!node.point.empty()) folder /= node.point;
  folder /= node.name;
  std::filesystem::create_directories(folder);
  return folder;
}

Random NodeContext::random(const std::string& purpose) const {
  return random_of(drawing(), purpose);
}

CallFacts NodeContext::drawing() const {
  const PlannedNode& node = environment_.plan->nodes[node_];
  CallFacts facts;
  facts.seed = node.seed;
  facts.seed_name = node.seed_name;
  facts.draw = draw_;
  facts.items = rows_.items;
  facts.region = rows_.block.region;
  return facts;
}

CallFacts NodeContext::facts() const {
  CallFacts facts = drawing();
  facts.device = environment_.plan->settings.device;
  facts.threads = threads();
  for (const Port& port : environment_.plan->nodes[node_].component->ports().all())
    if (port.direction == Port::Direction::out && wanted(port)) facts.wanted.push_back(port.name);
  facts.choices = environment_.choices;
  return facts;
}

std::optional<double> NodeContext::timeout() const {
  return environment_.plan->nodes[node_].timeout;
}

void call_node(const Plan& plan, std::size_t index, const std::function<void()>& action) {
  const PlannedNode& node = plan.nodes[index];
  const AllocationTag tag(static_cast<std::uint32_t>(index + 1));
  attributed(node.where, node.name, node.use, action);
}

namespace {

thread_local const std::string* caller = nullptr;

class Calling {
 public:
  explicit Calling(const std::string& node) : before_(std::exchange(caller, &node)) {}
  Calling(const Calling&) = delete;
  Calling& operator=(const Calling&) = delete;
  ~Calling() { caller = before_; }

 private:
  const std::string* before_;
};

}  // namespace

const std::string& calling_node() {
  static const std::string kNobody;
  return caller == nullptr ? kNobody : *caller;
}

void call_node(const RunEnvironment& environment, std::size_t index, const Rows& rows,
               const std::function<void(NodeContext&)>& action, const std::string& draw) {
  const std::optional<double>& timeout = environment.plan->nodes[index].timeout;
  call_node(*environment.plan, index, [&] {
    const Calling calling(environment.plan->nodes[index].seed_name);
    NodeContext context(environment, index, rows, draw);
    const auto late = [&] { return timeout && context.seconds() > *timeout; };
    try {
      action(context);
    } catch (const Cancelled&) {
      if (!late() || (environment.stop != nullptr && environment.stop->load())) throw;
    }
    if (late()) {
      char text[96];
      std::snprintf(text, sizeof text, "took longer than its timeout of %g s (%.3g s so far)",
                    *timeout, context.seconds());
      throw Error(text);
    }
  });
}

std::unique_ptr<Component> new_component(const PlannedNode& node, const Value& settings) {
  Problems problems;
  std::unique_ptr<Component> made = node.component->create(settings, problems);
  if (!problems.empty()) throw ConfigError(problems.front().sentence, problems.front().where);
  if (made) allow_time(*made, node.timeout);
  return made;
}

bool is_cut(const Region& tile, const Spec& edge) {
  const std::size_t cut = tile.whole.size();
  return edge.shape.size() >= cut &&
         std::equal(tile.whole.begin(), tile.whole.end(), edge.shape.end() - std::ptrdiff_t(cut));
}

std::optional<Region> item_region(const Plan& plan, const PlannedNode& node,
                                  const std::optional<Region>& tile) {
  if (!tile) return std::nullopt;
  for (const auto& [port, value] : node.outputs.all())
    if (const Spec* spec = std::get_if<Spec>(&value); spec && is_cut(*tile, *spec))
      return region_of(*tile, *spec);
  for (const PlannedInput& input : node.inputs)
    if (const Spec* spec = plan.tensor_spec(input.node, input.from); spec && is_cut(*tile, *spec))
      return region_of(*tile, *spec);
  return tile;
}

Spec spec_of_rows(const Spec& whole, std::int64_t count, const std::optional<Region>& tile) {
  Spec spec = whole;
  spec.items = count;
  if (tile && is_cut(*tile, whole)) spec.shape = region_of(*tile, whole).size;
  return spec;
}

namespace {

// What a node returned for a port must be what it announced.
void require_promised(const std::string& port, const Spec& promised, const Tensor& given) {
  if (!given.defined())
    throw Error("output '" + port + "' was promised as " + promised.text() + " but is not set");
  std::vector<std::int64_t> shape{promised.items};
  shape.insert(shape.end(), promised.shape.begin(), promised.shape.end());
  if (given.sizes() != at::IntArrayRef(shape))
    throw ShapeError("output '" + port + "' was promised as " + shape_text(shape) + ", but is " +
                     shape_text(given.sizes()) + "; `infer` and the computation disagree");
  if (given.scalar_type() != promised.dtype)
    throw ShapeError("output '" + port + "' was promised as " + dtype_name(promised.dtype) +
                     ", but is " + dtype_name(given.scalar_type()) +
                     "; `infer` and the computation disagree");
}

}  // namespace

void require_promised(const std::string& port, const Specs::Value& announced,
                      const Outputs::Value& given, std::int64_t first_item) {
  if (const Spec* spec = std::get_if<Spec>(&announced)) {
    const Tensor* tensor = std::get_if<Tensor>(&given);
    require_promised(port, *spec, tensor == nullptr ? Tensor() : *tensor);
  } else if (const TableSpec* spec = std::get_if<TableSpec>(&announced)) {
    const Table* table = std::get_if<Table>(&given);
    if (table == nullptr) throw Error("table '" + port + "' was promised but is not set");
    for (std::int64_t row = 0; row < table->rows(); ++row) {
      const std::int64_t item = table->item(row);
      // One row for all may be called the first.
      if ((item >= first_item && item < first_item + spec->items) ||
          (spec->items == 1 && item == 0))
        continue;
      throw ShapeError("table '" + port + "' has a row of item " + std::to_string(item) +
                       "; it was promised for items " + std::to_string(first_item) + " to " +
                       std::to_string(first_item + spec->items - 1));
    }
  }
}

Outputs compute(const RunEnvironment& environment, std::size_t index, const Inputs& in,
                const Rows& rows, const std::optional<Region>& tile, const std::string& draw) {
  const Plan& plan = *environment.plan;
  const PlannedNode& node = plan.nodes[index];
  Outputs outputs;
  const auto work = [&](NodeContext& context) {
    dynamic_cast<const Stage&>(*node.instance).process(in, outputs, context);
    for (const auto& [port, announced] : node.outputs.all()) {
      const auto found = outputs.all().find(port);
      if (const Spec* whole = std::get_if<Spec>(&announced)) {
        const Tensor* given =
            found == outputs.all().end() ? nullptr : std::get_if<Tensor>(&found->second);
        if (given == nullptr &&
            !context.wanted(Port{port.c_str(), "", PortType::tensor, Port::Direction::out}))
          continue;
        require_promised(port, spec_of_rows(*whole, rows.block.count, tile),
                         given == nullptr ? Tensor() : *given);
      } else if (std::holds_alternative<TableSpec>(announced)) {
        const bool given =
            found != outputs.all().end() && std::holds_alternative<Table>(found->second);
        if (!given && context.wanted(Port{port.c_str(), "", PortType::table, Port::Direction::out}))
          throw Error("table '" + port + "' was promised but is not set");
      }
    }
  };
  call_node(environment, index, rows, work, draw);
  return outputs;
}

void require_finite(const Plan& plan, std::size_t index, const std::string& port,
                    const Tensor& output, std::int64_t place, const Rows& rows) {
  const PlannedNode& node = plan.nodes[index];
  if (place < 0 || node.nonfinite == OnNonfinite::allow) return;
  const std::int64_t row = place / std::max<std::int64_t>(1, output.numel() / output.size(0));
  Error error("output '" + port + "' of item " +
              std::to_string(rows.items[static_cast<std::size_t>(row)]) +
              " holds a value that is not finite; `nonfinite: allow` at the node (or in settings) "
              "lets such values pass");
  error.attribute(node.where, node.name, node.use);
  throw error;
}

}  // namespace pellucid
