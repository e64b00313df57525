#include "isolation/component.h"

#include <array>
#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "isolation/processes.h"

namespace pellucid {

StandIn::~StandIn() = default;

void allow_time(Component& component, std::optional<double> timeout) {
  if (auto* stand_in = dynamic_cast<StandIn*>(&component)) stand_in->allow(timeout);
}

namespace {

namespace fs = std::filesystem;

/// A component as a process described it.
struct Described {
  Origin origin;
  std::string summary, manual;
  Kind kind = Kind::stage;
  std::deque<std::string> texts;  ///< that the ports point to
  Ports ports{};
  std::vector<Field> fields;
  ComponentDescriptor descriptor{};

  /// Objects are made again for each block, from settings that were found right before.
  bool found_right(const Value& settings) {
    const std::lock_guard lock(mutex);
    return right_settings.count(settings.flow()) != 0;
  }
  void note_right(const Value& settings) {
    const std::lock_guard lock(mutex);
    right_settings.insert(settings.flow());
  }

  std::mutex mutex;
  std::set<std::string> right_settings;
};

/// "computing items 4 to 7".
std::string computing(const Inputs& in, Context& context) {
  const auto* site = dynamic_cast<const CallSite*>(&context);
  const std::vector<std::int64_t> items =
      site != nullptr ? site->facts().items : std::vector<std::int64_t>();
  const std::int64_t first = items.empty() ? in.block().first : items.front();
  const std::int64_t last = items.empty() ? first + in.block().count - 1 : items.back();
  if (last <= first) return "computing item " + std::to_string(first);
  return "computing items " + std::to_string(first) + " to " + std::to_string(last);
}

Words op(const char* name) { return {{"op", name}}; }

/// Tensors as the run's other nodes expect them.
Outputs given(const Message& reply, const Context& context) {
  Outputs outputs = outputs_from(reply.head.at("outputs"), reply.tensors);
  if (context.device().is_cpu()) return outputs;
  Outputs moved;
  for (const auto& [port, value] : outputs.all())
    if (const Tensor* tensor = std::get_if<Tensor>(&value))
      moved.set(port, tensor->to(context.device()));
    else moved.set(port, value);
  return moved;
}

/// What all stand-ins of a base class have in common.
template <class Base>
class Standing : public Base, public StandIn {
 public:
  explicit Standing(std::shared_ptr<Processes> processes) : processes_(std::move(processes)) {}
  void allow(std::optional<double> timeout) override { processes_->allow(timeout); }
  void prepare(const Inputs& in, Context& context) override { processes_->prepare(in, context); }
  double tolerance() const override { return processes_->made().at("tolerance"); }

 protected:
  Processes& processes() const { return *processes_; }
  Specs specs(const char* question, const Inputs& in) const {
    return specs_from(
        processes_->ask({op(question), &in, {}, "its specs were asked for"}).head.at("specs"));
  }

 private:
  std::shared_ptr<Processes> processes_;
};

template <class Base>
class StandingWorker : public Standing<Base> {
 public:
  using Standing<Base>::Standing;
  void infer(const Inputs& in, Specs& out) const override { out = this->specs("infer", in); }
  std::int64_t working_bytes(const Inputs& in) const override {
    return this->processes()
        .ask({op("working_bytes"), &in, {}, "its working memory was asked for"})
        .head.at("bytes");
  }
};

class IsolatedStage final : public StandingWorker<Stage> {
 public:
  using StandingWorker::StandingWorker;
  void process(const Inputs& in, Outputs& out, Context& context) const override {
    const Question question{op("process"),
                            &in,
                            {},
                            computing(in, context),
                            "; `on_item_error: skip` leaves out items that end it so"};
    out = given(processes().ask(question, context), context);
  }
  std::optional<std::vector<std::int64_t>> halo(const Inputs& in) const override {
    const Words answer = processes().ask({op("halo"), &in, {}, "its halo was asked for"}).head;
    if (!answer.contains("halo")) return std::nullopt;
    return answer.at("halo").get<std::vector<std::int64_t>>();
  }
};

class IsolatedReducer final : public StandingWorker<Reducer> {
 public:
  using StandingWorker::StandingWorker;
  void infer_state(const Inputs& in, Specs& state) const override {
    state = specs("infer_state", in);
  }
  void reduce(const Inputs& in, Outputs& state, Context& context) const override {
    state =
        given(processes().ask({op("reduce"), &in, {}, computing(in, context)}, context), context);
  }
  void finish(const States& states, Outputs& out, Context& context) const override {
    const auto answer = [&](const Words& asked) {
      ChildProcess::Reply reply;
      reply.words = wire_of(states.at(asked.at("index")), reply.tensors);
      return reply;
    };
    Words words = op("finish");
    words["states"] = states.count();
    out = given(processes().ask({words, nullptr, {}, "finishing"}, context, answer), context);
  }
};

class IsolatedProcedure final : public StandingWorker<Procedure> {
 public:
  using StandingWorker::StandingWorker;
  void run(const Inputs& in, Outputs& out, Context& context) const override {
    const auto call = std::make_shared<char>();
    const auto answer = [&](const Words& asked) {
      ChildProcess::Reply reply;
      const std::string what = asked.at("op");
      const std::string port = asked.at("port");
      const std::int64_t first = asked.at("first"), count = asked.at("count");
      if (what == "table")
        reply.words = wire_of(in.items(In<Table>{port.c_str(), ""}, first, count));
      else if (what == "tensor")
        reply.tensors = {in.items(In<Tensor>{port.c_str(), ""}, first, count)};
      else reply.object = object(in, port, first, context, call);
      return reply;
    };
    out = given(processes().ask({op("run"), &in, {}, "running"}, context, answer), context);
  }

 private:
  /// The reader keeps it until the call is done, and so does the other process.
  static std::shared_ptr<const Component> object(const Inputs& in, const std::string& port,
                                                 std::int64_t item, Context& context,
                                                 const std::shared_ptr<char>& call) {
    const auto* site = dynamic_cast<const CallSite*>(&context);
    const ItemReader* reader = site != nullptr ? site->reader() : nullptr;
    if (reader == nullptr) return in.find(port)->object;
    return {call, &reader->object(port, item)};
  }
};

class IsolatedSink final : public Standing<Sink> {
 public:
  using Standing::Standing;
  void open(const Inputs& in, const SinkStart& start, Context& context) override {
    Words words = op("open");
    words["first_item"] = start.first_item;
    words["resumed"] = start.resumed;
    words["finishing"] = start.finishing;
    words["overwrite"] = start.overwrite;
    words["provenance_bytes"] = start.provenance_bytes;
    processes().stay();
    processes().ask({words, &in, {}, "its files were opened"}, context);
  }
  void write(const Inputs& in, Context& context) override {
    const Block& block = in.block();
    const std::int64_t last = block.first + block.count - 1;
    const std::string items = last <= block.first ? "item " + std::to_string(block.first)
                                                  : "items " + std::to_string(block.first) +
                                                        " to " + std::to_string(last);
    processes().ask(
        {op("write"), &in, {}, items + (last <= block.first ? " was" : " were") + " written"},
        context);
  }
  void sync() override { processes().ask({op("sync"), nullptr, {}, "its files were synced"}); }
  void close(const std::string& provenance) override {
    Words words = op("close");
    words["provenance"] = provenance;
    processes().ask({words, nullptr, {}, "its files were closed"});
    files_ = files();
    closed_ = true;
    processes().rest();
  }
  std::int64_t check(const Inputs& in) const override {
    const Words answer = processes().ask({op("check"), &in, {}, "its settings were checked"}).head;
    processes().rest();  // a run makes another one, of the paths that it writes to
    return answer.at("bytes");
  }
  std::vector<Tensor> stored(const Block& block) const override {
    Words words = op("stored");
    words["block"] = wire_of(block);
    return processes().ask({words, nullptr, {}, "its files were read"}).tensors;
  }
  bool incremental() const override { return processes().made().at("incremental"); }
  bool takes_regions() const override { return processes().made().at("takes_regions"); }
  std::vector<std::string> files() const override {
    if (closed_) return files_;
    const auto told = [](const Words& words) {
      return words.at("files").get<std::vector<std::string>>();
    };
    try {
      return told(processes().ask({op("files"), nullptr, {}, "its files were asked for"}).head);
    } catch (const Error&) {  // its process has ended, which has been told
      return told(processes().made());
    }
  }

 private:
  bool closed_ = false;
  std::vector<std::string> files_;
};

/// Computes nothing: the processes of the nodes that use it make copies of their own.
class IsolatedObject final : public Standing<Object> {
 public:
  using Standing::Standing;
  void bind(const Inputs& in) override {
    resident_ =
        processes().ask({op("bind"), &in, {}, "its inputs were checked"}).head.at("resident_bytes");
    processes().rest();
  }
  void prepare(const Inputs&, Context&) override {}
  std::int64_t resident_bytes() const override { return resident_; }
  double tolerance() const override { return 0; }

 private:
  std::int64_t resident_ = 0;
};

std::unique_ptr<Component> stand_in(Described& described, const Value& settings,
                                    Problems& problems) {
  auto processes = std::make_shared<Processes>(described.origin, settings);
  const bool object = is_object(described.kind);
  if (!object || !described.found_right(settings)) {
    const std::size_t before = problems.size();
    processes->begin(problems);
    if (problems.size() != before) return nullptr;
    described.note_right(settings);
  }
  switch (described.kind) {
    case Kind::source:
    case Kind::stage:
      return std::make_unique<IsolatedStage>(std::move(processes));
    case Kind::reducer:
      return std::make_unique<IsolatedReducer>(std::move(processes));
    case Kind::procedure:
      return std::make_unique<IsolatedProcedure>(std::move(processes));
    case Kind::sink:
      return std::make_unique<IsolatedSink>(std::move(processes));
    default:
      return std::make_unique<IsolatedObject>(std::move(processes));
  }
}

// A descriptor is plain data with plain functions, which have no place for the component that they
// speak of. So there is a row of functions, each for one described component.
constexpr std::size_t kSlots = 512;
std::array<std::atomic<Described*>, kSlots> slots;
std::size_t slots_used = 0;

template <std::size_t Slot>
struct SlotFunctions {
  static const Ports& ports() { return slots[Slot].load()->ports; }
  static const std::vector<Field>& fields() { return slots[Slot].load()->fields; }
  static std::unique_ptr<Component> create(const Value& settings, Problems& problems) {
    return stand_in(*slots[Slot].load(), settings, problems);
  }
};

struct Functions {
  decltype(ComponentDescriptor::ports) ports;
  decltype(ComponentDescriptor::create) create;
  decltype(ComponentDescriptor::fields) fields;
};

template <std::size_t... Slot>
constexpr std::array<Functions, kSlots> functions_of(std::index_sequence<Slot...>) {
  return {{{&SlotFunctions<Slot>::ports, &SlotFunctions<Slot>::create,
            &SlotFunctions<Slot>::fields}...}};
}
constexpr std::array<Functions, kSlots> kFunctions =
    functions_of(std::make_index_sequence<kSlots>());

// Ports are listed where they are declared, so for each number of them there is a function.
constexpr std::size_t kMostPorts = 64;

template <std::size_t... I>
Ports listed_ports(const std::vector<Port>& ports, std::index_sequence<I...>) {
  return Ports{ports[I]...};
}

template <std::size_t... Count>
Ports ports_of(const std::vector<Port>& ports, std::index_sequence<Count...>) {
  using Listed = Ports (*)(const std::vector<Port>&);
  static constexpr std::array<Listed, sizeof...(Count)> kListed{[](const std::vector<Port>& all) {
    return listed_ports(all, std::make_index_sequence<Count>());
  }...};
  if (ports.size() >= kListed.size())
    throw PluginError("a component with more than " + std::to_string(kMostPorts) +
                      " ports cannot be isolated");
  return kListed[ports.size()](ports);
}

/// Never destroyed, as plugins are never closed.
Described& described_from(const Words& json, const fs::path& file, const std::string& checksum,
                          std::shared_ptr<Spare> spare) {
  if (slots_used == kSlots)
    throw PluginError("plugin '" + file.string() + "' has more components than " +
                      std::to_string(kSlots) + " isolated ones that one process can know");
  auto& described = *new Described;
  described.origin = {file, checksum, json.at("name"), std::move(spare)};
  described.summary = json.at("summary");
  described.manual = json.at("manual");
  described.kind = static_cast<Kind>(json.at("kind").get<int>());
  const auto kept = [&](const Words& text) {
    return described.texts.emplace_back(text.get<std::string>()).c_str();
  };
  std::vector<Port> ports;
  for (const Words& port : json.at("ports"))
    ports.push_back({kept(port.at("name")), kept(port.at("summary")),
                     static_cast<PortType>(port.at("type").get<int>()),
                     static_cast<Port::Direction>(port.at("direction").get<int>()),
                     port.at("optional"), port.at("any")});
  described.ports = ports_of(ports, std::make_index_sequence<kMostPorts + 1>());
  for (const Words& field : json.at("fields")) described.fields.push_back(field_from(field));
  const Functions& functions = kFunctions[slots_used];
  described.descriptor = {sizeof(ComponentDescriptor),
                          described.origin.component.c_str(),
                          described.summary.c_str(),
                          described.kind,
                          functions.ports,
                          functions.create,
                          described.manual.c_str(),
                          functions.fields};
  slots[slots_used++].store(&described);
  return described;
}

struct DescribedPlugin {
  LoadedPlugin loaded;
  std::string name, version, stamp;
  std::vector<const ComponentDescriptor*> components;
  PluginDescriptor descriptor{};
};

const LoadedPlugin& described_plugin(const fs::path& file, const std::string& checksum) {
  auto process = process_with(file);
  const Words json = process->plugin();
  if (json.at("checksum") != checksum) throw PluginError("was changed while it was read");
  auto& plugin = *new DescribedPlugin;
  plugin.name = json.at("name");
  plugin.version = json.at("version");
  plugin.stamp = json.at("stamp");
  const auto spare = std::make_shared<Spare>(std::move(process));
  for (const Words& component : json.at("components"))
    plugin.components.push_back(&described_from(component, file, checksum, spare).descriptor);
  plugin.components.push_back(nullptr);
  plugin.descriptor = {sizeof(PluginDescriptor), plugin.stamp.c_str(), plugin.name.c_str(),
                       plugin.version.c_str(), plugin.components.data()};
  plugin.loaded = {file, plugin.name, plugin.version, checksum, &plugin.descriptor};
  return plugin.loaded;
}

}  // namespace

const LoadedPlugin& describe_plugin_elsewhere(const fs::path& file) {
  static std::mutex describing;
  static auto& known = *new std::map<std::pair<fs::path, std::string>, const LoadedPlugin*>;
  const std::lock_guard lock(describing);
  const std::string checksum = checksum_of_plugin(file);
  std::error_code none;
  const LoadedPlugin*& found = known[{fs::weakly_canonical(file, none), checksum}];
  if (found != nullptr) return *found;
  try {
    found = &described_plugin(file, checksum);
  } catch (const PluginError&) {
    throw;
  } catch (const Error& error) {
    throw PluginError("plugin '" + file.string() + "' cannot be loaded: " + error.sentence());
  }
  return *found;
}

}  // namespace pellucid
