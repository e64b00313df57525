// Link: messages between two processes over a socket, their tensors in shared memory.
//
// A tensor is copied once, into a segment that both processes map; the receiver's tensor is that
// memory. When the receiver has freed it, its next message says so and the segment is used again,
// because fresh pages cost more than what is copied into them.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "isolation/wire.h"

namespace pellucid {

struct Message {
  Words head;
  std::vector<Tensor> tensors;
};

/// The other process is gone, or sends what is no message.
class LinkLost : public Error {
 public:
  LinkLost() : Error("the other process is gone") {}
};

/// One thread at a time may use it; received tensors may be freed by any.
class Link {
 public:
  explicit Link(int socket);  ///< which it then owns
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link();

  int socket() const { return socket_; }
  void send(const Message& message);
  Message receive();
  /// A message, or its end, can be received without waiting.
  bool has_message() const;

 private:
  class Outbox;
  class Inbox;

  int socket_;
  std::unique_ptr<Outbox> outbox_;
  std::shared_ptr<Inbox> inbox_;
};

}  // namespace pellucid
