// What the components of this plugin have in common: they do what no component should.
#pragma once

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <pellucid/plugin.h>

namespace pellucid {

enum class Fault {
  none,
  segmentation,
  abort,
  leave,
  leave_in_peace,
  hang,
  kill,
  raise,
  progress,
  print,
  garbage,
  helper,
  threads
};

inline std::vector<std::pair<std::string, Fault>> enumerators(Fault) {
  return {{"none", Fault::none},         {"segmentation", Fault::segmentation},
          {"abort", Fault::abort},       {"leave", Fault::leave},
          {"kill", Fault::kill},         {"leave_in_peace", Fault::leave_in_peace},
          {"hang", Fault::hang},         {"raise", Fault::raise},
          {"progress", Fault::progress}, {"print", Fault::print},
          {"garbage", Fault::garbage},   {"helper", Fault::helper},
          {"threads", Fault::threads}};
}

enum class Moment { make, bind, infer, prepare, compute, finish };

inline std::vector<std::pair<std::string, Moment>> enumerators(Moment) {
  return {{"make", Moment::make},       {"bind", Moment::bind},       {"infer", Moment::infer},
          {"prepare", Moment::prepare}, {"compute", Moment::compute}, {"finish", Moment::finish}};
}

struct FaultSettings {
  Fault fault = Fault::none;
  Moment moment = Moment::compute;
  std::int64_t item = 0;
  std::string cure;

  static const Schema<FaultSettings>& schema() {
    static const Schema<FaultSettings> rows{
        {"fault", &FaultSettings::fault, "", "what it does"},
        {"moment", &FaultSettings::moment, "", "when it does it"},
        {"item", &FaultSettings::item, "1", "the item for which it does it"},
        {"cure", &FaultSettings::cure, "", "a file; where it is there, nothing happens"},
    };
    return rows;
  }

  void meet(Moment now, std::int64_t first = 0, std::int64_t count = 1,
            Context* context = nullptr) const {
    if (now != moment || item < first || item >= first + count) return;
    if (fault == Fault::none || (!cure.empty() && std::filesystem::exists(cure))) return;
    std::cout << "said on standard output" << std::endl;
    std::cerr << "said on standard error" << std::endl;
    switch (fault) {
      case Fault::none:
        break;
      case Fault::segmentation:
        ::signal(SIGSEGV, SIG_DFL);
        ::raise(SIGSEGV);
        break;
      case Fault::abort:
        std::abort();
      case Fault::leave:
        std::_Exit(3);
      case Fault::leave_in_peace:
        std::_Exit(0);
      case Fault::hang:
        while (true) ::pause();
      case Fault::kill:
        ::kill(::getpid(), SIGKILL);
        break;
      case Fault::raise:
        throw ShapeError("it threw on purpose");
      case Fault::progress:
        while (true) {
          context->progress(0, 1);
          std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
      case Fault::print:
        while (true) std::cout << "it prints and prints" << std::endl;
      case Fault::garbage: {
        const std::vector<char> noise(64, 'x');
        if (::write(3, noise.data(), noise.size()) > 0)
          while (true) ::pause();
        break;
      }
      case Fault::helper:
        // A program that is out of reach of what ends this process and those it has started.
        if (::fork() == 0) {
          ::setsid();
          ::execlp("sleep", "sleep", "30", nullptr);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        std::_Exit(3);
      case Fault::threads: {
        std::vector<std::thread> all;
        for (int thread = 0; thread < 4; ++thread)
          all.emplace_back([context] {
            for (int i = 0; i < 200; ++i) {
              context->log(Context::Level::debug, "one of many threads says so");
              context->progress(i, 200);
              context->stop_if_cancelled();
            }
          });
        for (std::thread& thread : all) thread.join();
        break;
      }
    }
  }
};

}  // namespace pellucid
