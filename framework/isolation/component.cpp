#include "isolation/component.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

#include "base/log.h"
#include "isolation/process.h"

namespace pellucid {

StandIn::~StandIn() = default;

void allow_time(Component& component, std::optional<double> timeout) {
  if (auto* stand_in = dynamic_cast<StandIn*>(&component)) stand_in->allow(timeout);
}

namespace {

namespace fs = std::filesystem;

/// Seconds that a process has to load its plugin, and a component to be made, unless a longer
/// `timeout:` is given.
constexpr double kBeginning = 60;

/// What is asked without a context: while planning, or of a sink that is to sync.
class PlainListener final : public Listener {
 public:
  explicit PlainListener(std::optional<double> timeout = {}) : timeout_(timeout) {}
  void log(Context::Level level, const std::string& sentence) override {
    if (level == Context::Level::warning) log_warning(sentence);
    else log_debug(sentence);
  }
  void progress(std::int64_t, std::int64_t) override {}
  bool cancelled() override { return false; }
  void begin_again() override { start_ = std::chrono::steady_clock::now(); }
  double seconds() override {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  std::optional<double> timeout() override { return timeout_; }

 private:
  std::optional<double> timeout_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

class ContextListener final : public Listener {
 public:
  ContextListener(Context& context, CallSite& site) : context_(context), site_(site) {}
  void log(Context::Level level, const std::string& sentence) override {
    context_.log(level, sentence);
  }
  void progress(std::int64_t done, std::int64_t total) override { context_.progress(done, total); }
  bool cancelled() override { return context_.cancelled(); }
  void begin_again() override { site_.begin_again(); }
  double seconds() override { return site_.seconds(); }
  std::optional<double> timeout() override { return site_.timeout(); }

 private:
  Context& context_;
  CallSite& site_;
};

/// The process that described a plugin, for the first node that needs one.
class Spare {
 public:
  explicit Spare(std::unique_ptr<ChildProcess> process) : process_(std::move(process)) {}
  std::unique_ptr<ChildProcess> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(process_, nullptr);
  }

 private:
  std::mutex mutex_;
  std::unique_ptr<ChildProcess> process_;
};

/// A component as a process described it.
struct Described {
  fs::path plugin_file;
  std::string plugin_checksum;
  std::string name, summary, manual;
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

  std::shared_ptr<Spare> spare;
  std::mutex mutex;
  std::set<std::string> right_settings;
};

/// The processes of one node: one for each call at a time.
class Processes {
 public:
  Processes(Described& described, Value settings)
      : described_(described), settings_(std::move(settings)) {}

  /// The first process, in which the settings are tried.
  void begin(Problems& problems) {
    PlainListener listener(kBeginning);
    Entry entry{described_.spare->take()};
    if (!entry.process) entry = started(listener);
    listener.begin_again();
    made_ = make(*entry.process, listener);
    for (const Words& problem : made_.at("problems")) problems.push_back(problem_from(problem));
    give_back(std::move(entry));
  }
  /// What it said of itself when it was made.
  const Words& made() const { return made_; }
  void allow(std::optional<double> timeout) { timeout_ = timeout; }

  Message ask(const Question& question) {
    PlainListener listener(timeout_);
    return ask(question, listener, {});
  }
  Message ask(Question question, Context& context, const ChildProcess::Answer& answer = {}) {
    const CallFacts facts = site_of(context).facts();
    question.words["facts"] = wire_of(facts);
    if (question.in != nullptr) question.items = items_of_rows(*question.in, facts.items.size());
    ContextListener listener(context, site_of(context));
    return ask(question, listener, [&](const Words& asked) -> ChildProcess::Reply {
      if (asked.at("op") == "scratch") return {context.scratch().string()};
      if (answer) return answer(asked);
      throw Error("only a Procedure or a Reducer is given what it asks for");
    });
  }
  /// Every process that computes has been prepared so.
  void prepare(const Inputs& in, Context& context) {
    prepared_ = {in, wire_of(site_of(context).facts())};
    ContextListener listener(context, site_of(context));
    give_back(take(listener));
  }
  /// None is needed for now.
  void rest() {
    const std::lock_guard lock(mutex_);
    idle_.clear();
  }
  /// What it has begun no other process can go on with: a sink's files are open.
  void stay() { stays_ = true; }

 private:
  struct Entry {
    std::unique_ptr<ChildProcess> process = {};
    bool prepared = false;
  };

  /// As the component would be told here.
  static std::vector<std::int64_t> items_of_rows(const Inputs& in, std::size_t rows) {
    std::vector<std::int64_t> items;
    try {
      for (std::size_t row = 0; row < rows; ++row)
        items.push_back(in.item(static_cast<std::int64_t>(row)));
    } catch (const std::out_of_range&) {  // there are no more
    }
    return items;
  }

  static CallSite& site_of(Context& context) {
    if (auto* site = dynamic_cast<CallSite*>(&context)) return *site;
    throw Error("an isolated node computes in runs of a pipeline only");
  }

  Entry started(Listener& listener) const {
    Entry entry{std::make_unique<ChildProcess>(described_.plugin_file, listener)};
    if (entry.process->plugin().at("checksum") == described_.plugin_checksum) return entry;
    throw PluginError("plugin '" + described_.plugin_file.string() +
                      "' was changed since the pipeline was planned");
  }

  Words make(ChildProcess& process, Listener& listener) const {
    const Words words{
        {"op", "make"}, {"component", described_.name}, {"settings", wire_of(settings_)}};
    return process.ask({words, nullptr, {}, "it was made"}, listener).head;
  }

  Message ask(const Question& question, Listener& listener, const ChildProcess::Answer& answer) {
    Entry entry = take(listener);
    try {
      Message reply = entry.process->ask(question, listener, answer);
      give_back(std::move(entry));
      return reply;
    } catch (...) {
      give_back(std::move(entry));
      throw;
    }
  }

  Entry take(Listener& listener) {
    Entry entry;
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        entry = std::move(idle_.back());
        idle_.pop_back();
      }
    }
    if (!entry.process) {
      if (stays_) throw Error("its process has ended, and with it what it had not yet written");
      PlainListener beginning(std::max(kBeginning, timeout_.value_or(0)));
      entry = started(beginning);
      PlainListener making(timeout_.value_or(kBeginning));
      make(*entry.process, making);
      listener.begin_again();
    }
    if (prepared_ && !entry.prepared) {
      const Words words{{"op", "prepare"}, {"facts", prepared_->second}};
      entry.process->ask({words, &prepared_->first, {}, "it was prepared"}, listener);
      entry.prepared = true;
      listener.begin_again();
    }
    return entry;
  }

  void give_back(Entry entry) {
    if (entry.process->is_over()) return;
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(entry));
  }

  Described& described_;
  Value settings_;
  Words made_;
  std::optional<double> timeout_;
  std::optional<std::pair<Inputs, Words>> prepared_;
  std::atomic<bool> stays_{false};
  std::mutex mutex_;
  std::vector<Entry> idle_;
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
  auto processes = std::make_shared<Processes>(described, settings);
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
  described.plugin_file = file;
  described.plugin_checksum = checksum;
  described.name = json.at("name");
  described.summary = json.at("summary");
  described.manual = json.at("manual");
  described.kind = static_cast<Kind>(json.at("kind").get<int>());
  described.spare = std::move(spare);
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
                          described.name.c_str(),
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
  PlainListener listener(kBeginning);
  auto process = std::make_unique<ChildProcess>(file, listener);
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
