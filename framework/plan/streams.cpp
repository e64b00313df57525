// Streams: which nodes work block by block together, and in what order the streams run.
//
// A node's level counts what must be over before it can begin: a reducer or procedure before it, an
// object that is made from tensors once. Nodes of one level with the same items that hang together
// are one stream.
#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "plan/dag.h"
#include "plan/draft.h"
#include "plan/edges.h"

namespace pellucid {
namespace {

class Streaming {
 public:
  explicit Streaming(Draft& draft) : plan_(draft.plan) {}

  void run() {
    find_levels();
    delay();
    make_streams();
    place_shared_objects();
    for (PlannedStream& stream : plan_.streams) std::sort(stream.nodes.begin(), stream.nodes.end());
  }

 private:
  const PlannedNode& at(std::size_t node) const { return plan_.nodes[node]; }
  Kind kind(std::size_t node) const { return at(node).component->kind; }

  bool has_data_inputs(std::size_t node) const {
    const auto& inputs = at(node).inputs;
    return std::any_of(inputs.begin(), inputs.end(),
                       [](const PlannedInput& input) { return is_data(input.type); });
  }

  /// An object that is made once all of its tensors are there.
  bool is_made_once_from_data(std::size_t node) const {
    return is_object(kind(node)) && !at(node).object_per_block && has_data_inputs(node);
  }

  /// An object that needs nothing that is computed block by block; it is made when first used.
  bool is_made_at_first_use(std::size_t node) const {
    return is_object(kind(node)) && !at(node).object_per_block && !has_data_inputs(node);
  }

  bool needs_all_items(std::size_t node) const { return gives_whole(kind(node)); }

  /// The producer of an input must have finished before its consumer can begin.
  bool waits(std::size_t consumer, const PlannedInput& input) const {
    if (needs_all_items(input.node) || is_made_once_from_data(input.node)) return true;
    return kind(consumer) == Kind::procedure &&
           (is_data(input.type) || at(input.node).object_per_block);
  }

  void find_levels() {
    level_.assign(plan_.nodes.size(), 0);
    depth_.assign(plan_.nodes.size(), 0);
    for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
      if (!at(i).computed) continue;
      for (const PlannedInput& input : at(i).inputs) {
        level_[i] = std::max(level_[i], level_[input.node] + (waits(i, input) ? 1 : 0));
        const bool barrier =
            needs_all_items(input.node) || (kind(i) == Kind::procedure && waits(i, input));
        depth_[i] = std::max(depth_[i], depth_[input.node] + (barrier ? 1 : 0));
      }
    }
  }

  /// What is used only later is computed later, where that saves a buffer: a source in the stream of
  /// its first consumer, a stage there if its inputs come along.
  void delay() {
    std::vector<bool> mobile(plan_.nodes.size());
    for (std::size_t i = 0; i < plan_.nodes.size(); ++i)
      mobile[i] = kind(i) == Kind::source || kind(i) == Kind::stage;
    std::vector<std::size_t> late = delayed(mobile);
    // Whoever would leave its inputs behind stays, and then its inputs stay as well.
    for (bool settled = false; !settled; late = delayed(mobile)) {
      settled = true;
      for (std::size_t i = 0; i < plan_.nodes.size(); ++i)
        for (const PlannedInput& input : at(i).inputs)
          if (mobile[i] && late[i] > level_[i] && is_data(input.type) &&
              late[input.node] < late[i]) {
            mobile[i] = false;
            settled = false;
          }
    }
    level_ = std::move(late);
  }

  /// The latest levels of those that may move: right when the first consumer begins.
  std::vector<std::size_t> delayed(const std::vector<bool>& mobile) const {
    constexpr std::size_t kNever = static_cast<std::size_t>(-1);
    std::vector<std::size_t> late(plan_.nodes.size(), kNever);
    for (std::size_t i = plan_.nodes.size(); i-- > 0;) {
      if (!at(i).computed) continue;
      if (late[i] == kNever || !mobile[i]) late[i] = level_[i];
      for (const PlannedInput& input : at(i).inputs)
        late[input.node] = std::min(late[input.node], late[i] - (waits(i, input) ? 1 : 0));
    }
    return late;
  }

  /// Nodes that hang together by tensors and tables within one level.
  std::vector<std::size_t> parts() const {
    Dag dag(plan_.nodes.size());
    for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
      if (!streams(i) || kind(i) == Kind::procedure) continue;
      for (const PlannedInput& input : at(i).inputs)
        if (streams(input.node) && group(input.node) == group(i) && !waits(i, input))
          dag.add_edge(input.node, i);
    }
    return dag.parts();
  }

  bool streams(std::size_t node) const { return at(node).computed && !is_made_at_first_use(node); }

  using Group = std::tuple<std::size_t, std::int64_t, std::int64_t>;
  Group group(std::size_t node) const {
    if (kind(node) == Kind::procedure) return {level_[node], 1, 0};
    return {level_[node], at(node).items, at(node).first_item};
  }

  void make_streams() {
    const std::vector<std::size_t> part = parts();
    std::map<std::pair<Group, std::size_t>, std::vector<std::size_t>> members;
    std::map<std::size_t, std::size_t> first_of_part;
    for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
      if (!streams(i)) continue;
      const std::size_t first = first_of_part.emplace(part[i], i).first->second;
      members[{group(i), first}].push_back(i);
    }
    for (const auto& [key, nodes] : members) {
      const auto& [level, items, first_item] = key.first;
      PlannedStream stream;
      stream.nodes = nodes;
      stream.items = items;
      stream.first_item = first_item;
      for (const std::size_t node : nodes) {
        plan_.nodes[node].stream = plan_.streams.size();
        stream.behind_barrier = stream.behind_barrier || depth_[node] > 0;
      }
      plan_.streams.push_back(std::move(stream));
    }
  }

  /// Objects without tensors belong to the first stream that uses them, objects of each block to
  /// every one.
  void place_shared_objects() {
    const std::size_t never = plan_.streams.size();
    for (std::size_t i = plan_.nodes.size(); i-- > 0;) {
      if (!at(i).computed || !is_object(kind(i))) continue;
      std::set<std::size_t> users;
      for (std::size_t c = i + 1; c < plan_.nodes.size(); ++c)
        for (const PlannedInput& input : at(c).inputs)
          if (at(c).computed && input.node == i) add_streams_of(c, users);
      if (at(i).object_per_block) {
        users.insert(at(i).stream);
        for (const std::size_t stream : users) add_once(plan_.streams[stream].nodes, i);
      } else if (is_made_at_first_use(i)) {
        plan_.nodes[i].stream = users.empty() ? never : *users.begin();
        if (!users.empty()) add_once(plan_.streams[*users.begin()].nodes, i);
      }
    }
  }

  void add_streams_of(std::size_t node, std::set<std::size_t>& streams) const {
    for (std::size_t stream = 0; stream < plan_.streams.size(); ++stream) {
      const auto& nodes = plan_.streams[stream].nodes;
      if (std::find(nodes.begin(), nodes.end(), node) != nodes.end()) streams.insert(stream);
    }
  }

  static void add_once(std::vector<std::size_t>& nodes, std::size_t node) {
    if (std::find(nodes.begin(), nodes.end(), node) == nodes.end()) nodes.push_back(node);
  }

  Plan& plan_;
  std::vector<std::size_t> level_;  ///< waits of any kind before a node
  std::vector<std::size_t> depth_;  ///< barriers alone
};

}  // namespace

void cut_into_streams(Draft& draft) { Streaming(draft).run(); }

}  // namespace pellucid
