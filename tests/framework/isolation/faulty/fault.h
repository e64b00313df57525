// What the components of this plugin have in common: they do what no component should.
#pragma once

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include <pellucid/plugin.h>

namespace pellucid {

enum class Fault { none, segmentation, abort, leave, leave_in_peace, hang, kill, raise };

inline std::vector<std::pair<std::string, Fault>> enumerators(Fault) {
  return {{"none", Fault::none},   {"segmentation", Fault::segmentation},
          {"abort", Fault::abort}, {"leave", Fault::leave},
          {"kill", Fault::kill},   {"leave_in_peace", Fault::leave_in_peace},
          {"hang", Fault::hang},   {"raise", Fault::raise}};
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

  void meet(Moment now, std::int64_t first = 0, std::int64_t count = 1) const {
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
    }
  }
};

}  // namespace pellucid
