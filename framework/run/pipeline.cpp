// Pipeline: read, check and run a pipeline from another program.

#include <pellucid/pipeline.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "base/log.h"
#include "pipeline/document.h"
#include "plan/plan.h"
#include "plugin/registry.h"
#include "run/memory_function.h"
#include "run/run.h"

namespace pellucid {
namespace {

/// Asks somebody who knows whether to stop, from a thread of its own, until it is destroyed.
class Poll {
 public:
  explicit Poll(const std::function<bool()>& cancelled) {
    if (cancelled) thread_ = std::thread([this, &cancelled] { ask(cancelled); });
  }
  Poll(const Poll&) = delete;
  Poll& operator=(const Poll&) = delete;
  ~Poll() {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  const std::atomic<bool>* flag() const { return &flag_; }

 private:
  void ask(const std::function<bool()>& cancelled) {
    std::unique_lock lock(mutex_);
    while (!over_ && !flag_) {
      try {
        flag_ = cancelled();
      } catch (const std::exception& error) {
        log_error(std::string("the run stops, because asking whether to cancel failed: ") +
                  error.what());
        flag_ = true;
      }
      wake_.wait_for(lock, std::chrono::milliseconds(20));
    }
  }

  std::atomic<bool> flag_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace

struct Pipeline::Impl {
  explicit Impl(Documents read) : documents(std::move(read)), plan(planned()) {}

  Plan planned() const {
    PlanOptions options;
    options.folder = default_folder(documents);
    return make_plan(documents, *registry, options);
  }

  Documents documents;
  std::shared_ptr<const Registry> registry = std::make_shared<const Registry>();
  Plan plan;
};

Pipeline::Pipeline(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Pipeline::Pipeline(Pipeline&&) noexcept = default;
Pipeline& Pipeline::operator=(Pipeline&&) noexcept = default;
Pipeline::~Pipeline() = default;

Pipeline Pipeline::read(const std::filesystem::path& file,
                        const std::vector<std::string>& overrides) {
  ReadOptions options;
  options.overrides = overrides;
  return Pipeline(std::make_unique<Impl>(read_pipeline(file, options)));
}

Pipeline Pipeline::parse(const std::string& text, const std::filesystem::path& folder,
                         const std::vector<std::string>& overrides) {
  ReadOptions options;
  options.overrides = overrides;
  return Pipeline(std::make_unique<Impl>(read_pipeline_text(text, "pipeline", folder, options)));
}

std::string Pipeline::plan_json() const { return pellucid::plan_json(impl_->plan); }

Spec Pipeline::spec(const std::string& port) const {
  const auto [node, name] = impl_->plan.find(port);
  const Spec* spec = impl_->plan.tensor_spec(node, name);
  if (spec == nullptr) throw ConfigError("'" + port + "' carries no tensor");
  return *spec;
}

RunSummary Pipeline::run(const RunOptions& options) const {
  RunRequest request;
  request.documents = impl_->documents;
  request.options = options;
  const Poll poll(options.cancelled);
  request.interrupt = poll.flag();
  return run_pipeline(std::move(request), *impl_->registry).summary;
}

std::shared_ptr<const Model> Pipeline::function(const std::string& argument,
                                                const std::string& value) const {
  return memory_function(impl_->documents, impl_->registry, argument, value);
}

}  // namespace pellucid
