// How do messages get to the controller and back, over a socket, a virtio port or a serial line?
#pragma once

#include <deque>
#include <optional>
#include <variant>

#include "harness/base/deadline.h"
#include "harness/base/fd.h"
#include "harness/wire/frame.h"

namespace holdfast::agent {

/// One line to one controller at a time. Not thread-safe.
class Channel {
 public:
  /// kSocket ends with its peer. kPort and kSerial stay, and peers come and go; a serial line does not even tell.
  enum class Kind { kSocket, kPort, kSerial };
  using Incoming = std::variant<wire::Message, wire::Malformed>;

  /// Takes over a descriptor in non-blocking mode.
  Channel(Fd fd, Kind kind) : fd_(std::move(fd)), kind_(kind) {}

  /// Waits until somebody is at the other end, and forgets what the last peer left half-said.
  Wake wait_peer(const Deadline& deadline);

  /// False when the peer is gone, or takes nothing for half a minute.
  bool send(const wire::Message& message);

  /// What came next; nothing by the deadline, when stopped, or when the peer is gone.
  std::optional<Incoming> receive(const Deadline& deadline);
  /// Makes `message` the next one to be received.
  void put_back(wire::Message message) { pending_.push_front(std::move(message)); }

  bool peer_gone() const { return gone_; }
  /// The device itself is gone (unplugged); this channel will carry nothing any more.
  bool lost() const { return lost_; }

 private:
  bool peer_there() const;
  void note_end(int errnum);
  bool read_some();

  Fd fd_;
  Kind kind_;
  wire::FrameReader reader_;
  std::deque<wire::Message> pending_;
  bool gone_ = true;
  bool lost_ = false;
};

}  // namespace holdfast::agent
