// item_reader: what a node is given from the store: blocks of its inputs, any items of a
// Procedure's, the states of a Reducer.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "run/pass.h"

namespace pellucid {

/// The object at an input, for callers whose objects are not those of the plan.
using FindObject = std::function<std::shared_ptr<const Component>(const PlannedInput&)>;

/// The inputs of a node for items first .. first + count - 1 of the run, tensors and tables read
/// from the store.
Inputs stored_inputs(const Plan& plan, const Store& store, std::size_t node, std::int64_t first,
                     std::int64_t count, const FindObject& object = {});

/// Inputs of a Procedure, read item by item.
class StoreReader final : public ItemReader {
 public:
  StoreReader(const RunEnvironment& environment, const Store& store, std::size_t node,
              const SharedObjects& objects);

  Tensor tensor(const std::string& port, std::int64_t first, std::int64_t count) const override;
  Table table(const std::string& port, std::int64_t first, std::int64_t count) const override;
  const Component& object(const std::string& port, std::int64_t item) const override;

 private:
  const PlannedInput& input(const std::string& port) const;
  std::shared_ptr<const Component> object(const PlannedInput& input, std::int64_t item) const;

  const RunEnvironment& environment_;
  const Store& store_;
  std::size_t node_;
  const SharedObjects& objects_;
  mutable std::recursive_mutex mutex_;
  mutable std::map<std::pair<std::size_t, std::int64_t>, std::shared_ptr<const Component>> made_;
};

/// States of a Reducer, one for each block that has an item to speak of.
class StoredStates final : public States {
 public:
  StoredStates(const Plan& plan, const Store& store, std::size_t node, std::size_t units);
  std::int64_t count() const override { return static_cast<std::int64_t>(units_.size()); }
  Outputs at(std::int64_t index) const override;

 private:
  const Store& store_;
  const PlannedNode& node_;
  std::size_t index_;
  std::vector<std::int64_t> units_;
};

}  // namespace pellucid
