#include "isolation/link.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <numeric>
#include <utility>

#include <ATen/ops/empty_strided.h>
#include <ATen/ops/from_blob.h>

namespace pellucid {
namespace {

/// Smaller tensors travel in the message itself.
constexpr std::int64_t kInMessage = 16 << 10;
/// Segments that wait for another tensor, at most.
constexpr std::size_t kWaiting = 8;
/// More is no head of a message; most that the kernel passes descriptors at once.
constexpr std::uint64_t kLongestHead = std::uint64_t{1} << 31;
constexpr std::size_t kMostDescriptors = 250;

/// Memory that both processes map, from a file without a name, so nothing is left behind.
class Mapping {
 public:
  Mapping(int file, std::size_t bytes)
      : bytes_(bytes),
        address_(::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)) {
    if (address_ == MAP_FAILED) throw std::bad_alloc();
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() { ::munmap(address_, bytes_); }
  void* address() const { return address_; }
  std::size_t bytes() const { return bytes_; }

 private:
  std::size_t bytes_;
  void* address_;
};

class Descriptors {
 public:
  Descriptors() = default;
  Descriptors(const Descriptors&) = delete;
  Descriptors& operator=(const Descriptors&) = delete;
  ~Descriptors() {
    for (const int descriptor : all_) ::close(descriptor);
  }
  void add(int descriptor) { all_.push_back(descriptor); }
  const std::vector<int>& all() const { return all_; }

 private:
  std::vector<int> all_;
};

/// Strides are kept, because the order of a sum follows them; where elements overlap otherwise than
/// by an axis of stride 0, the copy is contiguous.
std::vector<std::int64_t> strides_kept(const Tensor& tensor) {
  std::vector<std::size_t> axes;
  for (std::size_t axis = 0; axis < tensor.sizes().size(); ++axis)
    if (tensor.sizes()[axis] > 1 && tensor.strides()[axis] > 0) axes.push_back(axis);
  std::sort(axes.begin(), axes.end(), [&](std::size_t a, std::size_t b) {
    return tensor.strides()[a] < tensor.strides()[b];
  });
  std::int64_t reach = 0;
  for (const std::size_t axis : axes) {
    if (tensor.strides()[axis] <= reach) return tensor.contiguous().strides().vec();
    reach += (tensor.sizes()[axis] - 1) * tensor.strides()[axis];
  }
  return tensor.strides().vec();
}

std::int64_t span(at::IntArrayRef sizes, at::IntArrayRef strides) {
  std::int64_t last = 0;
  for (std::size_t axis = 0; axis < sizes.size(); ++axis) {
    if (sizes[axis] == 0) return 0;
    last += (sizes[axis] - 1) * strides[axis];
  }
  return last + 1;
}

void copy_to(void* place, Tensor tensor, at::IntArrayRef strides) {
  for (std::size_t axis = 0; axis < strides.size(); ++axis)
    if (strides[axis] == 0 && tensor.size(static_cast<std::int64_t>(axis)) > 1)
      tensor = tensor.narrow(static_cast<std::int64_t>(axis), 0, 1);
  at::from_blob(place, tensor.sizes(), strides, tensor.options()).copy_(tensor);
}

void send_all(int socket, const void* bytes, std::size_t count) {
  const char* at = static_cast<const char*>(bytes);
  while (count > 0) {
    const ssize_t sent = ::send(socket, at, count, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) throw LinkLost();
    at += sent;
    count -= static_cast<std::size_t>(sent);
  }
}

void receive_all(int socket, void* bytes, std::size_t count) {
  char* at = static_cast<char*>(bytes);
  while (count > 0) {
    const ssize_t got = ::recv(socket, at, count, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) throw LinkLost();
    at += got;
    count -= static_cast<std::size_t>(got);
  }
}

/// What stands before a message.
struct Prefix {
  std::uint64_t head_bytes = 0;
  std::uint64_t descriptors = 0;
};

union Control {
  std::array<char, CMSG_SPACE(sizeof(int) * kMostDescriptors)> bytes;
  cmsghdr alignment;
};

void send_prefix(int socket, Prefix prefix, const std::vector<int>& descriptors) {
  iovec part{&prefix, sizeof prefix};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  Control control{};
  if (!descriptors.empty()) {
    header.msg_control = control.bytes.data();
    header.msg_controllen = CMSG_SPACE(sizeof(int) * descriptors.size());
    cmsghdr* const rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int) * descriptors.size());
    std::memcpy(CMSG_DATA(rights), descriptors.data(), sizeof(int) * descriptors.size());
  }
  ssize_t sent = -1;
  do sent = ::sendmsg(socket, &header, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  if (sent != static_cast<ssize_t>(sizeof prefix)) throw LinkLost();
}

Prefix receive_prefix(int socket, Descriptors& descriptors) {
  Prefix prefix;
  iovec part{&prefix, sizeof prefix};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  Control control{};
  header.msg_control = control.bytes.data();
  header.msg_controllen = control.bytes.size();
  ssize_t got = -1;
  do got = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  if (got <= 0) throw LinkLost();
  for (cmsghdr* entry = CMSG_FIRSTHDR(&header); entry != nullptr;
       entry = CMSG_NXTHDR(&header, entry)) {
    if (entry->cmsg_level != SOL_SOCKET || entry->cmsg_type != SCM_RIGHTS) continue;
    std::vector<int> passed((entry->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    std::memcpy(passed.data(), CMSG_DATA(entry), sizeof(int) * passed.size());
    for (const int descriptor : passed) descriptors.add(descriptor);
  }
  const auto count = static_cast<std::size_t>(got);
  if (count < sizeof prefix)
    receive_all(socket, reinterpret_cast<char*>(&prefix) + count, sizeof prefix - count);
  if (prefix.head_bytes > kLongestHead || prefix.descriptors != descriptors.all().size())
    throw LinkLost();
  return prefix;
}

}  // namespace

/// Segments that this side fills.
class Link::Outbox {
 public:
  /// Copies a tensor and says where it is.
  Words put(const Tensor& given, Words& opened, Descriptors& files) {
    const Tensor tensor = given.detach().cpu().resolve_conj().resolve_neg();
    const std::vector<std::int64_t> strides = strides_kept(tensor);
    const std::int64_t bytes =
        span(tensor.sizes(), strides) * static_cast<std::int64_t>(tensor.element_size());
    Words json{{"dtype", static_cast<int>(tensor.scalar_type())},
               {"sizes", tensor.sizes().vec()},
               {"strides", strides}};
    if (bytes <= kInMessage) {
      std::vector<std::uint8_t> copy(static_cast<std::size_t>(bytes));
      if (bytes > 0) copy_to(copy.data(), tensor, strides);
      json["bytes"] = Words::binary(std::move(copy));
      return json;
    }
    const std::int64_t number = segment(static_cast<std::size_t>(bytes), opened, files);
    copy_to(used_.at(number)->address(), tensor, strides);
    json["segment"] = number;
    return json;
  }

  void take_back(const Words& freed) {
    for (const Words& number : freed) {
      const auto found = used_.find(number.get<std::int64_t>());
      if (found == used_.end()) continue;
      waiting_.emplace_back(found->first, std::move(found->second));
      used_.erase(found);
    }
  }

  /// Those that have waited longest are given up where there are many; the other side may unmap them.
  Words given_up() {
    Words numbers = Words::array();
    while (waiting_.size() > kWaiting) {
      numbers.push_back(waiting_.front().first);
      waiting_.erase(waiting_.begin());
    }
    return numbers;
  }

 private:
  using Numbered = std::pair<std::int64_t, std::unique_ptr<Mapping>>;

  /// One that waits and is hardly larger, else a new one.
  std::int64_t segment(std::size_t bytes, Words& opened, Descriptors& files) {
    const auto fits = [bytes](const Numbered& waiting) {
      return waiting.second->bytes() >= bytes && waiting.second->bytes() / 2 <= bytes;
    };
    const auto found = std::find_if(waiting_.begin(), waiting_.end(), fits);
    if (found != waiting_.end()) {
      const std::int64_t number = found->first;
      used_[number] = std::move(found->second);
      waiting_.erase(found);
      return number;
    }
    if (files.all().size() == kMostDescriptors)
      throw Error("more than " + std::to_string(kMostDescriptors) +
                  " large tensors at once cannot cross the border of an isolated process");
    const int file = ::memfd_create("pellucid", MFD_CLOEXEC);
    if (file < 0) throw Error(std::string("no shared memory: ") + std::strerror(errno));
    files.add(file);
    if (::ftruncate(file, static_cast<off_t>(bytes)) != 0)
      throw Error("no shared memory of " + std::to_string(bytes) +
                  " bytes: " + std::strerror(errno));
    const std::int64_t number = ++last_;
    used_[number] = std::make_unique<Mapping>(file, bytes);
    opened.push_back(Words::array({number, bytes}));
    return number;
  }

  std::int64_t last_ = 0;
  std::map<std::int64_t, std::unique_ptr<Mapping>> used_;  ///< the other side has tensors in them
  std::vector<Numbered> waiting_;
};

/// Segments that the other side fills. Tensors hold it, so they outlive the link.
class Link::Inbox : public std::enable_shared_from_this<Link::Inbox> {
 public:
  void open(const Words& opened, const std::vector<int>& files) {
    if (opened.size() != files.size()) throw LinkLost();
    for (std::size_t i = 0; i < files.size(); ++i)
      segments_[opened.at(i).at(0).get<std::int64_t>()] =
          std::make_shared<const Mapping>(files[i], opened.at(i).at(1).get<std::size_t>());
  }

  void give_up(const Words& numbers) {
    for (const Words& number : numbers) segments_.erase(number.get<std::int64_t>());
  }

  Tensor get(const Words& json) {
    const auto sizes = json.at("sizes").get<std::vector<std::int64_t>>();
    const auto strides = json.at("strides").get<std::vector<std::int64_t>>();
    const auto dtype = static_cast<at::ScalarType>(json.at("dtype").get<int>());
    const auto bytes = static_cast<std::size_t>(span(sizes, strides)) * c10::elementSize(dtype);
    const auto options = at::TensorOptions().dtype(dtype);
    if (json.contains("bytes")) {
      const auto& copy = json.at("bytes").get_binary();
      if (copy.size() != bytes) throw LinkLost();
      Tensor tensor = at::empty_strided(sizes, strides, options);
      if (bytes > 0) std::memcpy(tensor.mutable_data_ptr(), copy.data(), bytes);
      return tensor;
    }
    const auto number = json.at("segment").get<std::int64_t>();
    const auto segment = segments_.at(number);
    if (segment->bytes() < bytes) throw LinkLost();
    const auto free = [inbox = shared_from_this(), segment, number](void*) {
      const std::lock_guard lock(inbox->mutex_);
      inbox->freed_.push_back(number);
    };
    return at::from_blob(segment->address(), sizes, strides, free, options);
  }

  std::vector<std::int64_t> freed() {
    const std::lock_guard lock(mutex_);
    return std::exchange(freed_, {});
  }

 private:
  std::map<std::int64_t, std::shared_ptr<const Mapping>> segments_;
  std::mutex mutex_;
  std::vector<std::int64_t> freed_;
};

Link::Link(int socket)
    : socket_(socket), outbox_(std::make_unique<Outbox>()), inbox_(std::make_shared<Inbox>()) {}

Link::~Link() { ::close(socket_); }

void Link::send(const Message& message) {
  Descriptors files;
  Words opened = Words::array(), tensors = Words::array();
  for (const Tensor& tensor : message.tensors)
    tensors.push_back(outbox_->put(tensor, opened, files));
  const std::vector<std::uint8_t> head = Words::to_cbor({{"head", message.head},
                                                         {"tensors", std::move(tensors)},
                                                         {"opened", std::move(opened)},
                                                         {"given_up", outbox_->given_up()},
                                                         {"freed", inbox_->freed()}});
  send_prefix(socket_, {head.size(), files.all().size()}, files.all());
  send_all(socket_, head.data(), head.size());
}

Message Link::receive() {
  Descriptors files;
  const Prefix prefix = receive_prefix(socket_, files);
  std::vector<std::uint8_t> bytes(prefix.head_bytes);
  receive_all(socket_, bytes.data(), bytes.size());
  try {
    Words json = Words::from_cbor(bytes);
    outbox_->take_back(json.at("freed"));
    inbox_->give_up(json.at("given_up"));
    inbox_->open(json.at("opened"), files.all());
    Message message{std::move(json.at("head")), {}};
    for (const Words& tensor : json.at("tensors")) message.tensors.push_back(inbox_->get(tensor));
    return message;
  } catch (const nlohmann::json::exception&) {
    throw LinkLost();
  } catch (const std::out_of_range&) {
    throw LinkLost();
  }
}

bool Link::has_message() const {
  pollfd socket{socket_, POLLIN, 0};
  return ::poll(&socket, 1, 0) > 0;
}

}  // namespace pellucid
