#include "isolation/call_site.h"

namespace pellucid {

CallSite::~CallSite() = default;

Random random_of(const CallFacts& facts, const std::string& purpose) {
  const std::string what = facts.draw.empty() ? purpose : purpose + "#" + facts.draw;
  // What is made once for all items, before the first, draws as item 0.
  const std::vector<std::int64_t> items =
      facts.items.empty() ? std::vector<std::int64_t>{0} : facts.items;
  return Random(facts.seed, facts.seed_name, what, items, facts.region);
}

}  // namespace pellucid
