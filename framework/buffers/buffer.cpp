#include "buffers/buffer.h"

#include <algorithm>

#include <ATen/ops/empty.h>

#include "buffers/checksum.h"
#include "buffers/slab.h"

namespace pellucid {
namespace {

/// A rectangular part of the array (items, shape...).
struct Box {
  std::vector<std::int64_t> offset;
  std::vector<std::int64_t> size;

  std::int64_t numel() const { return c10::multiply_integers(size); }
};

Box box_of(const Block& block, const Spec& spec) {
  Box box{{block.first}, {block.count}};
  const std::vector<std::int64_t> whole(spec.shape.size(), 0);
  const auto& offset = block.region ? block.region->offset : whole;
  const auto& size = block.region ? block.region->size : spec.shape;
  box.offset.insert(box.offset.end(), offset.begin(), offset.end());
  box.size.insert(box.size.end(), size.begin(), size.end());
  return box;
}

/// Empty (a size of 0) where they do not meet.
Box common(const Box& a, const Box& b) {
  Box both;
  for (std::size_t axis = 0; axis < a.offset.size(); ++axis) {
    const std::int64_t start = std::max(a.offset[axis], b.offset[axis]);
    const std::int64_t end = std::min(a.offset[axis] + a.size[axis], b.offset[axis] + b.size[axis]);
    both.offset.push_back(start);
    both.size.push_back(std::max<std::int64_t>(end - start, 0));
  }
  return both;
}

/// The part `wanted` of a tensor that holds `held`.
Tensor part_of(const Tensor& tensor, const Box& held, const Box& wanted) {
  Tensor part = tensor;
  for (std::size_t axis = 0; axis < held.offset.size(); ++axis)
    part = part.narrow(static_cast<std::int64_t>(axis), wanted.offset[axis] - held.offset[axis],
                       wanted.size[axis]);
  return part;
}

std::string text_of(const Block& block) {
  std::string text = "items " + std::to_string(block.first) + " to " +
                     std::to_string(block.first + block.count - 1);
  if (block.region)
    text +=
        ", region " + shape_text(block.region->size) + " at " + shape_text(block.region->offset);
  return text;
}

}  // namespace

Buffer::Buffer(std::string name, Spec spec, Keep keep, std::function<BufferPlace()> place,
               MemoryBudget& budget, OnStored on_stored)
    : name_(std::move(name)),
      spec_(std::move(spec)),
      keep_(keep),
      on_stored_(std::move(on_stored)),
      budget_(budget),
      find_place_(std::move(place)) {
  if (keep_ == Keep::cached)
    cache_.emplace(budget, [this](std::int64_t wanted) { return reclaim(wanted); });
}

Buffer::~Buffer() = default;

Buffer::Position Buffer::position_of(const Block& block) {
  return {block.first, block.region ? block.region->offset : std::vector<std::int64_t>{}};
}

const BufferPlace& Buffer::place() const {
  std::call_once(place_found_, [this] { place_ = find_place_(); });
  return place_;
}

void Buffer::put(const Block& block, const Tensor& values) {
  const Box box = box_of(block, spec_);
  std::vector<std::int64_t> whole = spec_.shape;
  whole.insert(whole.begin(), spec_.items);
  require_slab(whole, box.offset, box.size, "'" + name_ + "'");
  if (values.scalar_type() != spec_.dtype || values.sizes() != at::IntArrayRef(box.size))
    throw ShapeError("'" + name_ + "' takes " + dtype_name(spec_.dtype) + " of shape " +
                     shape_text(box.size) + " for " + text_of(block) + ", got " +
                     dtype_name(values.scalar_type()) + " of shape " + shape_text(values.sizes()));

  Entry entry;
  entry.block = block;
  if (keep_ == Keep::cached) {
    const auto bytes = values.numel() * static_cast<std::int64_t>(values.element_size());
    if (auto reservation = budget_.try_reserve(bytes, name_)) {
      entry.values = values;
      entry.reservation = std::move(*reservation);
    }
  }
  if (!entry.values.defined()) {
    write(block, values);
    entry.stored = true;
  }
  const std::lock_guard lock(mutex_);
  longest_block_ = std::max(longest_block_, block.count);
  entry.version = ++versions_;
  entries_[position_of(block)] = std::move(entry);
}

void Buffer::restore(const Block& block) {
  const std::lock_guard lock(mutex_);
  longest_block_ = std::max(longest_block_, block.count);
  Entry& entry = entries_[position_of(block)];
  entry = Entry{};
  entry.block = block;
  entry.stored = true;
  entry.version = ++versions_;
}

std::uint64_t Buffer::stored_checksum(const Block& block) {
  const Box box = box_of(block, spec_);
  return checksum(place().file->read_slab(place().array, box.offset, box.size));
}

bool Buffer::holds(const Block& block) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(position_of(block));
  return found != entries_.end() && found->second.block == block;
}

std::vector<std::pair<Block, Tensor>> Buffer::parts_of(const Block& wanted) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<Block, Tensor>> parts;
  auto entry = entries_.lower_bound({wanted.first - longest_block_ + 1, {}});
  for (; entry != entries_.end() && entry->first.first < wanted.first + wanted.count; ++entry)
    parts.emplace_back(entry->second.block, entry->second.values);
  return parts;
}

Tensor Buffer::get(const Block& wanted) const {
  const Box box = box_of(wanted, spec_);
  Tensor gathered;
  std::int64_t found = 0;
  for (const auto& [block, values] : parts_of(wanted)) {
    const Box held = box_of(block, spec_);
    const Box both = common(box, held);
    if (both.numel() == 0) continue;
    const bool is_all = both.size == box.size;
    Tensor part = values.defined() ? part_of(values, held, both)
                                   : place().file->read_slab(place().array, both.offset, both.size);
    if (is_all) return part;
    if (!gathered.defined()) gathered = at::empty(box.size, at::TensorOptions(spec_.dtype));
    part_of(gathered, box, both).copy_(part);
    found += both.numel();
  }
  if (found != box.numel())
    throw Error("'" + name_ + "' does not hold all of " + text_of(wanted) +
                "; this is a mistake in Pellucid");
  return gathered.defined() ? gathered : at::empty(box.size, at::TensorOptions(spec_.dtype));
}

void Buffer::drop(const Block& block) {
  const std::lock_guard lock(mutex_);
  entries_.erase(position_of(block));
}

void Buffer::drop() {
  const std::lock_guard lock(mutex_);
  entries_.clear();
}

void Buffer::store() {
  while (write_last_cached() > 0) continue;
}

std::int64_t Buffer::cached_bytes() const {
  const std::lock_guard lock(mutex_);
  std::int64_t bytes = 0;
  for (const auto& [position, entry] : entries_) bytes += entry.reservation.bytes();
  return bytes;
}

void Buffer::write(const Block& block, const Tensor& values) {
  const Tensor contiguous = values.contiguous();
  place().file->write_slab(place().array, box_of(block, spec_).offset, contiguous);
  if (on_stored_) on_stored_(block, checksum(contiguous));
}

std::int64_t Buffer::write_last_cached() {
  // The reader of a barrier's buffer starts at the front, so the last blocks are wanted last.
  Entry chosen;
  {
    const std::lock_guard lock(mutex_);
    const auto last = std::find_if(entries_.rbegin(), entries_.rend(),
                                   [](const auto& entry) { return entry.second.values.defined(); });
    if (last == entries_.rend()) return 0;
    chosen.block = last->second.block;
    chosen.values = last->second.values;
    chosen.version = last->second.version;
  }
  write(chosen.block, chosen.values);

  const std::lock_guard lock(mutex_);
  const auto entry = entries_.find(position_of(chosen.block));
  if (entry == entries_.end() || entry->second.version != chosen.version) return 1;
  const std::int64_t bytes = entry->second.reservation.bytes();
  entry->second.stored = true;
  entry->second.values = Tensor();
  entry->second.reservation.release();
  return std::max<std::int64_t>(bytes, 1);
}

std::int64_t Buffer::reclaim(std::int64_t wanted) {
  std::int64_t given = 0;
  while (given < wanted) {
    const std::int64_t bytes = write_last_cached();
    if (bytes == 0) break;
    given += bytes;
  }
  return given;
}

}  // namespace pellucid
