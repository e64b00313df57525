// Time and memory: how soon a call ends that is no longer wanted, and what it takes beyond what it
// declares.

#include <atomic>
#include <chrono>
#include <exception>
#include <thread>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <pellucid/context.h>

#include "conformance/check.h"
#include "run/allocator.h"

namespace pellucid::conformance {
namespace {

using Clock = std::chrono::steady_clock;

/// Shorter calls end soon enough by themselves.
constexpr double kLong = 0.3;
/// What small tensors and rounding to pages may take without being declared.
constexpr std::int64_t kSlack = std::int64_t{128} << 10;
constexpr double kTolerance = 1.25;
/// Larger cases show more than the slack.
constexpr std::int64_t kEnough = std::int64_t{512} << 10;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Most bytes that a call had at once, of those that it took itself.
template <class Call>
std::int64_t peak_of(Call call) {
  static std::uint32_t tag = kAllocationTags / 2;
  if (++tag == kAllocationTags) tag = kAllocationTags / 2;
  const std::int64_t before = peak_of_tag(tag);
  const AllocationTag counted(tag);
  call();
  return peak_of_tag(tag) - before;
}

std::int64_t bytes_of(const Promises& promised, const std::string& only) {
  std::int64_t bytes = 0;
  for (const auto& [port, promise] : promised)
    if (const auto* spec = std::get_if<Spec>(&promise); spec && (only.empty() || port == only))
      bytes += spec->bytes();
  return bytes;
}

std::int64_t allowed(std::int64_t declared) {
  return static_cast<std::int64_t>(kTolerance * static_cast<double>(declared)) + kSlack;
}

std::string in_kib(std::int64_t bytes) { return std::to_string((bytes + 1023) / 1024) + " KiB"; }

/// The case with larger pictures, where the component takes them.
Case enlarged(const Tested& tested, const Case& one) {
  Case best = one;
  for (int step = 0; step < 4; ++step) {
    Case larger = best;
    std::int64_t bytes = 0;
    for (Inputs::Edge* edge : larger.tensors()) {
      Spec spec = tensor_spec(*edge);
      bytes = std::max(bytes, spec.bytes());
      if (spec.item_numel() < 64) continue;  // a kernel
      for (std::size_t a = 0; a < spec.axes.size(); ++a)
        if (std::string("hwyx").find(spec.axes[a]) != std::string::npos) spec.shape[a] *= 2;
      *edge = with_spec(*edge, spec);
    }
    if (bytes >= kEnough || bytes == 0) return best;
    try {
      const Instance planned(*tested.component, larger, /*only_planned=*/true);
    } catch (const Error&) {
      return best;
    }
    best = std::move(larger);
  }
  return best;
}

/// Raises the flag when a part of a call of `whole` seconds is over, and says how long it goes on.
/// Throws what the call throws, but for Cancelled.
double seconds_after_stop(const Instance& instance, double whole) {
  std::atomic<bool> stop = false, done = false;
  Clock::time_point asked;
  std::thread caller([&] {
    const auto from = Clock::now();
    while (!done && seconds_since(from) < whole / 8)
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    asked = Clock::now();
    stop = true;
  });
  Manner manner;
  manner.stop = &stop;
  std::exception_ptr thrown;
  try {
    instance.run(manner);
  } catch (const Cancelled&) {
  } catch (...) {
    thrown = std::current_exception();
  }
  const auto ended = Clock::now();
  done = true;
  caller.join();
  if (thrown) std::rethrow_exception(thrown);
  return std::chrono::duration<double>(ended - asked).count();
}

/// A call that is to stop from its beginning does so.
bool stops_at_once(const Instance& instance) {
  const std::atomic<bool> stop = true;
  Manner manner;
  manner.stop = &stop;
  try {
    instance.run(manner);
    return false;
  } catch (const Cancelled&) {
    return true;
  }
}

}  // namespace

Verdict check_cancellation(const Tested& tested) {
  const Kind kind = tested.component->kind;
  if (is_object(kind)) return not_applicable("an object is not told that a run is to stop");
  if (kind == Kind::sink) return not_applicable("a sink writes one block after the other");
  return for_each_case(tested, [&](const Case& one) -> Verdict {
    const Instance instance(*tested.component, one);
    const auto begin = Clock::now();
    instance.run();
    const double whole = seconds_since(begin);
    try {
      if (whole < kLong) {
        if (stops_at_once(instance)) return {};
        return not_applicable(
            "its calls never ask whether to stop, and are too short to need it: " +
            std::to_string(whole) + " s");
      }
      const double late = seconds_after_stop(instance, whole);
      if (late <= std::max(kLong / 2, whole / 2)) return {};
      return failed("a call of " + std::to_string(whole) + " s must end soon after the run is to " +
                    "stop, and took " + std::to_string(late) + " s more; it must call " +
                    "context.stop_if_cancelled() in its loop");
    } catch (const std::exception& error) {
      return failed("a call that is to stop must throw Cancelled or end, and threw " +
                    text_of(error));
    }
  });
}

Verdict check_memory(const Tested& tested) {
  const Kind kind = tested.component->kind;
  if (kind == Kind::sink) return not_applicable("a sink declares no memory");
  install_counting_allocator();
  return for_each_case(tested, [&](const Case& small) -> Verdict {
    const Case one = kind == Kind::source ? small : enlarged(tested, small);
    Instance instance(*tested.component, one, /*only_planned=*/true);
    const std::int64_t before = allocator_use().live;
    instance.prepare();
    const std::int64_t kept = allocator_use().live - before;
    if (const auto* object = dynamic_cast<const Object*>(instance.component().get());
        object && kept > allowed(object->resident_bytes()))
      return failed("an object may keep " + in_kib(object->resident_bytes()) +
                    " by resident_bytes, and keeps " + in_kib(kept) + " for " + one.text());
    const std::optional<std::int64_t> declared = instance.working_bytes();
    if (!declared) return not_applicable("it declares no working memory");
    std::int64_t taken = 0;
    if (const auto* a = dynamic_cast<const Operator*>(instance.component().get())) {
      const Tensor& x = tensor_of(*one.argument);
      const at::NoGradGuard no_grad;
      a->forward(x);
      taken = peak_of([&] { a->forward(x); }) - bytes_of(instance.promised(), "forward");
    } else {
      instance.run();
      taken = peak_of([&] { instance.run(); }) - bytes_of(instance.promised(), "");
      // The kit hands over copies.
      for (const Inputs::Edge* edge : one.tensors()) taken -= tensor_of(*edge).nbytes();
    }
    if (taken <= allowed(*declared)) return {};
    return failed("one call may take " + in_kib(*declared) +
                  " beyond inputs and outputs by working_bytes, and took " + in_kib(taken) +
                  " for " + one.text());
  });
}

}  // namespace pellucid::conformance
