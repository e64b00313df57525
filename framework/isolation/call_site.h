// CallSite: what the context of a call can say of it to another process.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <pellucid/context.h>

namespace pellucid {

/// From these facts any process makes the same context: threads, draws, FFT plans.
struct CallFacts {
  std::string device = "cpu";
  int threads = 1;
  std::uint64_t seed = 0;
  std::string seed_name;            ///< name under which the node draws
  std::string draw;                 ///< tells apart the calls of a function with `fresh: true`
  std::vector<std::int64_t> items;  ///< item of each row
  std::optional<Region> region;
  std::vector<std::string> wanted;  ///< outputs that somebody uses
  std::filesystem::path choices;    ///< folder of the run's FFT plans
};

/// Draws for one purpose, the same in every process.
Random random_of(const CallFacts& facts, const std::string& purpose);

/// A Context that can be taken to another process is one of these, too.
class CallSite {
 public:
  virtual ~CallSite();
  virtual CallFacts facts() const = 0;
  /// Since the call began, and what `timeout:` allows.
  virtual double seconds() const = 0;
  virtual std::optional<double> timeout() const = 0;
  /// What the call took until now was not the component's time.
  virtual void begin_again() = 0;
  /// What a Procedure reads its items from; null for others.
  virtual const ItemReader* reader() const { return nullptr; }
};

}  // namespace pellucid
