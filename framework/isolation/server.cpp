#include "isolation/server.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <ATen/Parallel.h>

#include "base/attributed.h"
#include "base/numerics/plan_cache.h"
#include "isolation/call_site.h"
#include "isolation/link.h"
#include "plugin/library.h"
#include "plugin/stamp.h"

namespace pellucid {
namespace {

/// Ends the process when the one that started it is gone, whatever a component does meanwhile.
void watch(int socket) {
  std::thread([socket] {
    pollfd other{socket, POLLRDHUP, 0};
    while (::poll(&other, 1, -1) <= 0) {
    }
    ::_exit(1);
  }).detach();
}

/// The context of a call, as its facts say, in this process. Any thread of it may speak.
class ServedContext final : public Context {
 public:
  ServedContext(Link& link, CallFacts facts) : link_(link), facts_(std::move(facts)) {
    if (at::get_num_threads() != facts_.threads) at::set_num_threads(facts_.threads);
    if (facts_.choices.empty() || facts_.choices == choices_) return;
    choices_ = facts_.choices;
    set_choices_folder(choices_);
  }

  at::Device device() const override { return at::Device(facts_.device); }
  int threads() const override { return facts_.threads; }
  bool wanted(const Port& out) const override {
    return std::find(facts_.wanted.begin(), facts_.wanted.end(), out.name) != facts_.wanted.end();
  }
  /// While a question is answered, nothing but `cancel` comes unasked.
  bool cancelled() const override {
    const std::lock_guard lock(mutex_);
    if (!cancelled_ && link_.has_message()) cancelled_ = true;
    return cancelled_;
  }
  void log(Level level, const std::string& sentence) override {
    send({{"op", "log"}, {"level", static_cast<int>(level)}, {"sentence", sentence}});
  }
  void progress(std::int64_t done, std::int64_t total) override {
    send({{"op", "progress"}, {"done", done}, {"total", total}});
  }
  std::filesystem::path scratch() override {
    return ask({{"op", "scratch"}}).head.at("words").get<std::string>();
  }
  Random random(const std::string& purpose) const override { return random_of(facts_, purpose); }

  /// Asks the process that started this one.
  Message ask(const Words& question) {
    const std::lock_guard lock(mutex_);
    link_.send({question, {}});
    while (true) {
      Message message = link_.receive();
      const std::string op = message.head.at("op");
      if (op == "failed") throw_from(message.head.at("error"));
      if (op == "answer") return message;
      cancelled_ = true;
    }
  }

 private:
  void send(const Words& words) {
    const std::lock_guard lock(mutex_);
    link_.send({words, {}});
  }

  Link& link_;
  CallFacts facts_;
  mutable bool cancelled_ = false;
  static std::mutex mutex_;  ///< of the link, which every context of this process uses
  static std::filesystem::path choices_;
};

std::mutex ServedContext::mutex_;
std::filesystem::path ServedContext::choices_;

class Server {
 public:
  explicit Server(int socket) : link_(socket) {}

  int serve() {
    link_.send({{{"op", "done"}, {"stamp", std::string(host_stamp())}}, {}});
    while (true) {
      Message question = link_.receive();
      const std::string op = question.head.at("op");
      if (op == "end") return 0;
      if (op != "cancel") answer(op, std::move(question));
    }
  }

 private:
  void answer(const std::string& op, Message question) {
    Message reply{{{"op", "done"}}, {}};
    try {
      attributed({}, {}, {}, [&] {
        for (const Words& number : question.head.at("forget"))
          objects_.erase(number.get<std::int64_t>());
        make_objects(question);
        act(op, question, reply);
      });
    } catch (const std::exception& error) {
      reply = {{{"op", "failed"}, {"error", wire_of(error)}}, {}};
    }
    question = {};  // frees its tensors, so that their memory is free for what comes next
    link_.send(reply);
  }

  void act(const std::string& op, const Message& question, Message& reply) {
    const Words& words = question.head;
    if (op == "load") return load(words, reply.head);
    if (op == "make") return make(words, reply.head);
    const auto* worker = dynamic_cast<const Worker*>(component_.get());
    auto* sink = dynamic_cast<Sink*>(component_.get());
    Inputs in;
    if (words.contains("in")) in = inputs(words.at("in"), question.tensors);
    CallFacts facts;
    facts.threads = at::get_num_threads();
    if (words.contains("facts")) facts = facts_from(words.at("facts"));
    place(in, facts.device);
    ServedContext context(link_, std::move(facts));

    if (op == "bind") {
      auto& object = dynamic_cast<Object&>(*component_);
      object.bind(in);
      reply.head["resident_bytes"] = object.resident_bytes();
    } else if (op == "infer") {
      Specs out;
      worker->infer(in, out);
      reply.head["specs"] = wire_of(out);
    } else if (op == "infer_state") {
      Specs state;
      dynamic_cast<const Reducer&>(*component_).infer_state(in, state);
      reply.head["specs"] = wire_of(state);
    } else if (op == "working_bytes") {
      reply.head["bytes"] = worker->working_bytes(in);
    } else if (op == "halo") {
      if (const auto halo = dynamic_cast<const Stage&>(*component_).halo(in))
        reply.head["halo"] = *halo;
    } else if (op == "check") {
      reply.head["bytes"] = sink->check(in);
    } else if (op == "prepare") {
      component_->prepare(in, context);
    } else if (op == "process") {
      Outputs out;
      dynamic_cast<const Stage&>(*component_).process(in, out, context);
      reply.head["outputs"] = wire_of(out, reply.tensors);
    } else if (op == "reduce") {
      Outputs state;
      dynamic_cast<const Reducer&>(*component_).reduce(in, state, context);
      reply.head["outputs"] = wire_of(state, reply.tensors);
    } else if (op == "finish") {
      Outputs out;
      const ServedStates states(context, words.at("states"));
      dynamic_cast<const Reducer&>(*component_).finish(states, out, context);
      reply.head["outputs"] = wire_of(out, reply.tensors);
    } else if (op == "run") {
      Outputs out;
      const ServedReader reader(*this, context);
      in.set_reader(&reader);
      dynamic_cast<const Procedure&>(*component_).run(in, out, context);
      reply.head["outputs"] = wire_of(out, reply.tensors);
    } else if (op == "open") {
      SinkStart start;
      start.first_item = words.at("first_item");
      start.resumed = words.at("resumed");
      start.finishing = words.at("finishing");
      start.overwrite = words.at("overwrite");
      start.provenance_bytes = words.at("provenance_bytes");
      sink->open(in, start, context);
    } else if (op == "write") {
      sink->write(in, context);
    } else if (op == "sync") {
      sink->sync();
    } else if (op == "close") {
      sink->close(words.at("provenance").get<std::string>());
    } else if (op == "stored") {
      reply.tensors = sink->stored(block_from(words.at("block")));
    } else if (op == "files") {
      reply.head["files"] = sink->files();
    } else {
      throw Error("an unknown question: " + op);
    }
  }

  void load(const Words& words, Words& reply) {
    plugin_ = &load_plugin(words.at("file").get<std::string>());
    reply["name"] = plugin_->name;
    reply["version"] = plugin_->version;
    reply["stamp"] = plugin_->descriptor->stamp;
    reply["checksum"] = plugin_->checksum;
    Words& components = reply["components"] = Words::array();
    for (auto known = plugin_->descriptor->components; *known; ++known) {
      const ComponentDescriptor& component = **known;
      Words ports = Words::array(), fields = Words::array();
      for (const Port& port : component.ports().all())
        ports.push_back({{"name", port.name},
                         {"summary", port.summary},
                         {"type", static_cast<int>(port.type)},
                         {"direction", static_cast<int>(port.direction)},
                         {"optional", port.optional},
                         {"any", port.any}});
      for (const Field& field : component.fields()) fields.push_back(wire_of(field));
      components.push_back({{"name", component.name},
                            {"summary", component.summary},
                            {"kind", static_cast<int>(component.kind)},
                            {"manual", component.manual},
                            {"ports", std::move(ports)},
                            {"fields", std::move(fields)}});
    }
  }

  void make(const Words& words, Words& reply) {
    Problems problems;
    component_ = created(*plugin_, words, problems);
    Words& found = reply["problems"] = Words::array();
    for (const Problem& problem : problems) found.push_back(wire_of(problem));
    if (!component_) return;
    reply["tolerance"] = component_->tolerance();
    if (const auto* sink = dynamic_cast<const Sink*>(component_.get())) {
      reply["incremental"] = sink->incremental();
      reply["takes_regions"] = sink->takes_regions();
      reply["files"] = sink->files();
    }
  }

  static std::unique_ptr<Component> created(const LoadedPlugin& plugin, const Words& words,
                                            Problems& problems) {
    const std::string name = words.at("component");
    const ComponentDescriptor* const component = plugin.find(name);
    if (component == nullptr)
      throw PluginError("plugin '" + plugin.file.string() + "' has no component '" + name +
                        "' any more; it was changed meanwhile");
    auto made = component->create(value_from(words.at("settings")), problems);
    if (!made && problems.empty()) throw Error("it was not made, and gave no reason");
    return made;
  }

  void make_objects(const Message& message) {
    for (const Words& recipe : message.head.at("recipes"))
      attributed(location_from(recipe.at("where")), recipe.at("node"), recipe.at("use"),
                 [&] { make_object(recipe, message.tensors); });
  }

  void make_object(const Words& recipe, const std::vector<Tensor>& tensors) {
    Problems problems;
    std::shared_ptr<Component> made =
        created(load_plugin(recipe.at("file").get<std::string>()), recipe, problems);
    if (!made) throw ConfigError(problems.front().sentence, problems.front().where);
    auto& object = dynamic_cast<Object&>(*made);
    if (recipe.contains("bound")) object.bind(kept_inputs(recipe.at("bound"), tensors));
    if (recipe.contains("prepared")) {
      ServedContext context(link_, facts_from(recipe.at("facts")));
      Inputs in = kept_inputs(recipe.at("prepared"), tensors);
      place(in, context.device().str());
      object.prepare(in, context);
    }
    objects_[recipe.at("number").get<std::int64_t>()] = std::move(made);
  }

  Inputs inputs(const Words& json, const std::vector<Tensor>& tensors) const {
    return inputs_from(json, tensors, [this](std::int64_t number) { return objects_.at(number); });
  }

  /// Of an object, which outlives the question whose memory is used again.
  Inputs kept_inputs(const Words& json, const std::vector<Tensor>& tensors) const {
    Inputs in = inputs(json, tensors);
    for (Inputs::Edge& edge : in.edges())
      if (Tensor* tensor = std::get_if<Tensor>(&edge.value)) *tensor = tensor->clone();
    return in;
  }

  static void place(Inputs& in, const std::string& device) {
    if (device == "cpu") return;
    for (Inputs::Edge& edge : in.edges())
      if (Tensor* tensor = std::get_if<Tensor>(&edge.value))
        *tensor = tensor->to(at::Device(device));
  }

  class ServedStates final : public States {
   public:
    ServedStates(ServedContext& context, std::int64_t count) : context_(context), count_(count) {}
    std::int64_t count() const override { return count_; }
    Outputs at(std::int64_t index) const override {
      const Message answer = context_.ask({{"op", "state"}, {"index", index}});
      return outputs_from(answer.head.at("words"), answer.tensors);
    }

   private:
    ServedContext& context_;
    std::int64_t count_;
  };

  class ServedReader final : public ItemReader {
   public:
    ServedReader(Server& server, ServedContext& context) : server_(server), context_(context) {}
    Tensor tensor(const std::string& port, std::int64_t first, std::int64_t count) const override {
      return context_.ask(question("tensor", port, first, count))
          .tensors.at(0)
          .to(context_.device());
    }
    Table table(const std::string& port, std::int64_t first, std::int64_t count) const override {
      return table_from(context_.ask(question("table", port, first, count)).head.at("words"));
    }
    const Component& object(const std::string& port, std::int64_t item) const override {
      const Message answer = context_.ask(question("object", port, item, 1));
      server_.make_objects(answer);
      kept_.push_back(server_.objects_.at(answer.head.at("object").get<std::int64_t>()));
      return *kept_.back();
    }

   private:
    static Words question(const char* what, const std::string& port, std::int64_t first,
                          std::int64_t count) {
      return {{"op", what}, {"port", port}, {"first", first}, {"count", count}};
    }
    Server& server_;
    ServedContext& context_;
    mutable std::vector<std::shared_ptr<const Component>> kept_;  ///< while the call lasts
  };

  Link link_;
  const LoadedPlugin* plugin_ = nullptr;
  std::map<std::int64_t, std::shared_ptr<const Component>> objects_;
  std::unique_ptr<Component> component_;  // goes before the objects that it was given
};

}  // namespace

int serve_isolated_node(int socket) {
  // The process that started this one decides when it ends.
  for (const int signal : {SIGINT, SIGTERM, SIGPIPE}) ::signal(signal, SIG_IGN);
  // Programs that a component starts do not keep the socket open.
  ::fcntl(socket, F_SETFD, FD_CLOEXEC);
  watch(socket);
  int code = 1;
  try {
    Server server(socket);
    code = server.serve();
  } catch (const LinkLost&) {
  }
  // Libraries that a component has loaded may not survive the end of the process.
  std::fflush(nullptr);
  ::_exit(code);
}

}  // namespace pellucid
