#include "isolation/processes.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include "base/log.h"

namespace pellucid {
namespace {

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

/// As the component would be told here.
std::vector<std::int64_t> items_of_rows(const Inputs& in, std::size_t rows) {
  std::vector<std::int64_t> items;
  try {
    for (std::size_t row = 0; row < rows; ++row)
      items.push_back(in.item(static_cast<std::int64_t>(row)));
  } catch (const std::out_of_range&) {  // there are no more
  }
  return items;
}

CallSite& site_of(Context& context) {
  if (auto* site = dynamic_cast<CallSite*>(&context)) return *site;
  throw Error("an isolated node computes in runs of a pipeline only");
}

}  // namespace

std::unique_ptr<ChildProcess> process_with(const std::filesystem::path& plugin_file) {
  PlainListener listener(kBeginning);
  return std::make_unique<ChildProcess>(plugin_file, listener);
}

Processes::Processes(const Origin& origin, Value settings)
    : origin_(origin), settings_(std::move(settings)) {}

void Processes::begin(Problems& problems) {
  PlainListener listener(kBeginning);
  Entry entry{origin_.spare->take()};
  if (!entry.process) entry = started(listener);
  listener.begin_again();
  made_ = make(*entry.process, listener);
  for (const Words& problem : made_.at("problems")) problems.push_back(problem_from(problem));
  give_back(std::move(entry));
}

Message Processes::ask(const Question& question) {
  PlainListener listener(timeout_);
  return ask(question, listener, {});
}

Message Processes::ask(Question question, Context& context, const ChildProcess::Answer& answer) {
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

void Processes::prepare(const Inputs& in, Context& context) {
  prepared_ = {in, wire_of(site_of(context).facts())};
  ContextListener listener(context, site_of(context));
  give_back(take(listener));
}

void Processes::rest() {
  const std::lock_guard lock(mutex_);
  idle_.clear();
}

Processes::Entry Processes::started(Listener& listener) const {
  Entry entry{std::make_unique<ChildProcess>(origin_.plugin_file, listener)};
  if (entry.process->plugin().at("checksum") == origin_.plugin_checksum) return entry;
  throw PluginError("plugin '" + origin_.plugin_file.string() +
                    "' was changed since the pipeline was planned");
}

Words Processes::make(ChildProcess& process, Listener& listener) const {
  const Words words{
      {"op", "make"}, {"component", origin_.component}, {"settings", wire_of(settings_)}};
  return process.ask({words, nullptr, {}, "it was made"}, listener).head;
}

Message Processes::ask(const Question& question, Listener& listener,
                       const ChildProcess::Answer& answer) {
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

Processes::Entry Processes::take(Listener& listener) {
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

void Processes::give_back(Entry entry) {
  if (entry.process->is_over()) return;
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(entry));
}

}  // namespace pellucid
