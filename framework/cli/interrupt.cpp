#include "cli/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <string_view>

namespace pellucid {
namespace {

std::atomic<bool> raised{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may not wait for a lock");

void set_handler(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

extern "C" void raise_flag(int) {
  raised = true;
  set_handler(SIG_DFL);
  constexpr std::string_view sentence =
      "\nstopping after the blocks at work; interrupt again to stop at once\n";
  [[maybe_unused]] const auto written = write(STDERR_FILENO, sentence.data(), sentence.size());
}

}  // namespace

Interrupt::Interrupt() {
  raised = false;
  set_handler(raise_flag);
}

Interrupt::~Interrupt() { set_handler(SIG_DFL); }

const std::atomic<bool>* Interrupt::flag() const { return &raised; }

}  // namespace pellucid
