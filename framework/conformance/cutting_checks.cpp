// Blocks, threads, tiles: however the work is cut, the results are the same.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <barrier>
#include <chrono>
#include <random>
#include <thread>

#include "conformance/check.h"

namespace pellucid::conformance {
namespace {

constexpr int kRounds = 60;  // of simultaneous calls at most, and how long they may take
constexpr double kSeconds = 1;
constexpr int kTilings = 6;

std::string seen(const Instance& instance, const Results& expected, const Manner& manner,
                 const std::string& name) {
  const std::string said =
      difference(expected, instance.run(manner), instance.component()->tolerance());
  return said.empty() ? "" : name + " " + said;
}

/// Two workers call one instance at once, on blocks of their own; what each must get is known.
std::string simultaneous(const Instance& instance) {
  const std::int64_t items = instance.items();
  const auto block = [items](int worker, int round) {
    return Block{items < 2 ? 0 : (worker + round) % items, 1, {}};
  };
  std::vector<Results> expected;
  const auto begin = std::chrono::steady_clock::now();
  for (std::int64_t item = 0; item < items; ++item)
    expected.push_back(instance.compute({item, 1, {}}));
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
  // Long calls overlap in few rounds already.
  const double call = spent.count() / static_cast<double>(items) + 1e-9;
  const int rounds = static_cast<int>(std::clamp<double>(kSeconds / call, 4, kRounds));

  std::string said[2];
  std::barrier start(2);
  const auto work = [&](int worker) {
    at::set_num_threads(1);
    for (int round = 0; round < rounds; ++round) {
      start.arrive_and_wait();
      if (!said[worker].empty()) continue;
      try {
        const Block one = block(worker, round);
        said[worker] = difference(expected[static_cast<std::size_t>(one.first)],
                                  instance.compute(one), instance.component()->tolerance());
      } catch (const std::exception& error) {
        said[worker] = text_of(error);
      }
    }
  };
  std::thread other(work, 1);
  work(0);
  other.join();
  return said[0].empty() ? said[1] : said[0];
}

std::vector<std::int64_t> cut_axes(const Spec& spec, const std::vector<std::int64_t>& halo) {
  std::vector<std::int64_t> axes;
  for (std::size_t a = 0; a < spec.axes.size() && a < halo.size(); ++a)
    if (std::string("hwzyx").find(spec.axes[a]) != std::string::npos && spec.shape[a] > 1)
      axes.push_back(static_cast<std::int64_t>(a));
  return axes;
}

Region grown(const Region& region, const std::vector<std::int64_t>& halo) {
  Region all = region;
  for (std::size_t a = 0; a < region.size.size(); ++a) {
    const std::int64_t first = std::max<std::int64_t>(0, region.offset[a] - halo[a]);
    const std::int64_t end = std::min(region.whole[a], region.offset[a] + region.size[a] + halo[a]);
    all.offset[a] = first;
    all.size[a] = end - first;
  }
  return all;
}

/// Part `inner` of what was computed for `outer`.
Tensor cropped(Tensor tensor, const Region& outer, const Region& inner) {
  for (std::size_t a = 0; a < inner.size.size(); ++a)
    if (outer.size[a] != inner.size[a])
      tensor = tensor.narrow(static_cast<std::int64_t>(a) + 1, inner.offset[a] - outer.offset[a],
                             inner.size[a]);
  return tensor;
}

Tensor region_of(Tensor whole, const Region& region) {
  for (std::size_t a = 0; a < region.size.size(); ++a)
    whole = whole.narrow(static_cast<std::int64_t>(a) + 1, region.offset[a], region.size[a]);
  return whole;
}

/// Every tensor that goes in or comes out has the item's size, as a run requires of what it cuts.
bool keeps_size(const Instance& instance, const Spec& item) {
  const auto same = [&item](const Spec& spec) { return spec.shape == item.shape; };
  for (const Inputs::Edge* edge : instance.of().tensors())
    if (!is_object(instance.kind()) && !same(tensor_spec(*edge))) return false;
  for (const auto& [port, promise] : instance.promised()) {
    if (is_object(instance.kind()) && port != "forward") continue;
    const auto* spec = std::get_if<Spec>(&promise);
    if (!spec || !same(*spec)) return false;
  }
  return true;
}

std::string region_text(const Region& region) {
  return shape_text(region.size) + " at " + shape_text(region.offset);
}

}  // namespace

Verdict check_blocks(const Tested& tested) {
  if (tested.component->kind == Kind::procedure)
    return not_applicable("a procedure is given whole inputs");
  return for_each_case(tested, [&](const Case& one) -> Verdict {
    const Instance whole(*tested.component, one);
    if (whole.items() < 2) return not_applicable("it has one item");
    const Results expected = whole.run();
    const auto manner = [](std::int64_t block, bool backwards = false) {
      Manner made;
      made.block = block;
      made.backwards = backwards;
      return made;
    };
    // The same instance goes on with smaller blocks; a new one begins with them.
    std::string said = seen(whole, expected, manner(1), "in blocks of 1 item, after one of all,");
    if (!said.empty()) return failed(said);
    const Instance fresh(*tested.component, one);
    said = seen(fresh, expected, manner(3), "in blocks of 3 items");
    if (said.empty() && tested.component->kind != Kind::sink)
      said = seen(fresh, expected, manner(3, true), "in blocks of 3 items, the last one first,");
    if (!said.empty()) return failed(said);
    const Instance grows(*tested.component, one);
    said = seen(grows, expected, manner(1), "in blocks of 1 item");
    if (said.empty()) said = seen(grows, expected, manner(0), "in one block, after blocks of 1,");
    return said.empty() ? Verdict{} : failed(said);
  });
}

Verdict check_threads(const Tested& tested) {
  return for_each_case(tested, [&](const Case& one) -> Verdict {
    if (tested.component->kind == Kind::sink)
      return not_applicable("a sink is called by one thread");
    const Instance instance(*tested.component, one);
    const Results expected = instance.run();
    Manner two;
    two.threads = 2;
    const std::string said = seen(instance, expected, two, "with two threads");
    at::set_num_threads(1);
    if (!said.empty()) return failed(said);
    if (!instance.is_cut_into_blocks() || instance.items() == 0) return {};
    const std::string raced = simultaneous(instance);
    return raced.empty() ? Verdict{} : failed("called by two workers at once " + raced);
  });
}

Verdict check_tiles(const Tested& tested) {
  return for_each_case(tested, [&](const Case& one) -> Verdict {
    const Instance instance(*tested.component, one);
    const std::optional<Spec> item = instance.tiled();
    const std::optional<std::vector<std::int64_t>> halo = instance.halo();
    if (!item || !halo) return not_applicable("it declares no halo, so that items stay whole");
    if (halo->size() != item->shape.size())
      return failed("the halo must have a number for each of the axes '" + item->axes + "', got " +
                    std::to_string(halo->size()));
    if (!keeps_size(instance, *item))
      return not_applicable("inputs and outputs differ in size, so that items stay whole");
    const std::vector<std::int64_t> axes = cut_axes(*item, *halo);
    if (axes.empty()) return not_applicable("its items have nothing to cut");

    const Results expected = instance.compute({0, 1, {}});
    std::mt19937 random(1);
    for (int tiling = 0; tiling < kTilings; ++tiling) {
      Region region{std::vector<std::int64_t>(item->shape.size(), 0), item->shape, item->shape};
      for (const std::int64_t a : axes) {
        const auto axis = static_cast<std::size_t>(a);
        const std::int64_t size = 1 + random() % static_cast<std::uint64_t>(item->shape[axis]);
        region.size[axis] = size;
        region.offset[axis] = static_cast<std::int64_t>(
            random() % static_cast<std::uint64_t>(item->shape[axis] - size + 1));
      }
      const Region outer = grown(region, *halo);
      Results tile = instance.compute({0, 1, outer});
      Results wanted;
      for (auto& [port, value] : tile) {
        const Tensor* const tensor = std::get_if<Tensor>(&value);
        if (!tensor) continue;
        wanted[port] = region_of(std::get<Tensor>(expected.at(port)), region);
        value = cropped(*tensor, outer, region);
      }
      const std::string said = difference(wanted, tile, instance.component()->tolerance());
      if (!said.empty())
        return failed("the tile " + region_text(region) + ", grown by the halo " +
                      shape_text(*halo) + ", differs from the whole item: " + said);
    }
    return {};
  });
}

}  // namespace pellucid::conformance
