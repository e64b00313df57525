#include "run/flow.h"

#include <ATen/Parallel.h>

#include <exception>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "run/channel.h"

namespace pellucid {
namespace {

class Running {
 public:
  explicit Running(const Flow& flow)
      : flow_(flow),
        tickets_(static_cast<std::size_t>(flow.workers) + 2),
        ahead_(1),
        ready_(1),
        done_(static_cast<std::size_t>(flow.workers) + 2),
        working_(flow.workers) {
    for (int i = 0; i < flow.workers + 2; ++i) tickets_.push(0);
    ahead_.push(0);
  }

  bool run() {
    {
      std::vector<std::jthread> crew;
      try {
        crew.emplace_back([this] { read(); });
        for (int w = 0; w < flow_.workers; ++w) crew.emplace_back([this] { compute(); });
        write();
      } catch (...) {
        fail();
        done_.close();
      }
    }
    if (first_error_) std::rethrow_exception(first_error_);
    return !interrupted_;
  }

 private:
  struct Place {
    std::size_t number = 0;  ///< in the order of the units
    std::unique_ptr<Pass> pass;
  };

  void fail() {
    {
      const std::lock_guard lock(mutex_);
      if (!first_error_) first_error_ = std::current_exception();
    }
    *flow_.abort = true;
    tickets_.close();
    ahead_.close();
    ready_.close();
  }

  void read() {
    at::set_num_threads(flow_.threads);
    try {
      for (std::size_t number = 0; number < flow_.units.size(); ++number) {
        if (!tickets_.pop() || !ahead_.pop() || *flow_.abort) break;
        if (flow_.interrupt != nullptr && *flow_.interrupt) {
          interrupted_ = true;
          break;
        }
        if (!ready_.push({number, flow_.read(flow_.units[number])})) break;
      }
    } catch (...) {
      fail();
    }
    ready_.close();
  }

  void compute() {
    at::set_num_threads(flow_.threads);
    try {
      while (auto place = ready_.pop()) {
        if (*flow_.abort) break;
        ahead_.push(0);
        flow_.compute(*place->pass);
        if (!done_.push(std::move(*place))) break;
      }
    } catch (...) {
      fail();
    }
    if (--working_ == 0) done_.close();
  }

  /// Blocks may be computed out of order; they are written in order.
  void write() {
    std::map<std::size_t, std::unique_ptr<Pass>> waiting;
    std::size_t next = 0;
    while (auto place = done_.pop()) {
      waiting.emplace(place->number, std::move(place->pass));
      for (auto first = waiting.find(next); first != waiting.end(); first = waiting.find(next)) {
        flow_.write(*first->second);
        waiting.erase(first);
        ++next;
        tickets_.push(0);
      }
    }
  }

  const Flow& flow_;
  Channel<char> tickets_;  ///< for units between their reading and the end of their writing
  Channel<char> ahead_;    ///< for the one that is read and not yet computed
  Channel<Place> ready_;
  Channel<Place> done_;
  std::atomic<int> working_;
  std::atomic<bool> interrupted_{false};
  std::mutex mutex_;
  std::exception_ptr first_error_;
};

}  // namespace

bool run_flow(const Flow& flow) { return Running(flow).run(); }

}  // namespace pellucid
