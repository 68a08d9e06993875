// How do messages get over one connected socket to a target, whatever kernel is at its other end?
//
// A virtual machine's socket outlives a kexec: QEMU holds it, and the agent of the next kernel speaks over the same
// one. So the target owns the Link, and one LinkAgent after another uses it.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "harness/base/deadline.h"
#include "harness/base/fd.h"
#include "harness/base/result.h"
#include "harness/wire/frame.h"

namespace holdfast {

/// What a link goes over.
struct Carrier {
  int fd = -1;              ///< becomes readable when it ends (a pidfd of QEMU, or of ssh); -1: there is none
  bool is_machine = false;  ///< the machine itself: nothing that a kernel does can end such a link
};

/// Frames over a stream socket. Not thread-safe. Once the other end is gone, or a frame was sent in part only, every
/// further call answers lab.link.
class Link {
 public:
  /// Takes over a connected stream socket. The carrier's end ends waiting early; its descriptor must outlive the Link.
  /// When it is the machine, errors are lab.vm-link instead of lab.link.
  static Result<Link> over(Fd socket, Carrier carrier = {});

  /// Errors: lab.link, lab.timeout, harness.stopped, harness.wire (the message is too long for a frame).
  Result<void> send(const wire::Message& message, const Deadline& deadline);

  /// The next message; nothing when none came before the deadline. Noise and damaged frames are dropped (see
  /// complaint()). Errors: lab.link, harness.stopped, harness.wire (the other end speaks another protocol version).
  Result<std::optional<wire::Message>> receive(const Deadline& deadline);

  /// Makes `message` the next one to be received.
  void put_back(wire::Message message) { pending_.push_front(std::move(message)); }

  /// The line has been silent: takes a frame that was begun for one whose sender is gone.
  void give_up_frame() { reader_.give_up_frame(); }

  /// What was dropped since the last call, as " (meanwhile: ...)", or nothing: the end of an error's sentence.
  std::string complaint();
  /// Adds something to what complaint() tells.
  void complain(std::string what);

  /// Each LinkAgent takes a number; only the one that took the last may use the link.
  int take_over() { return ++user_; }
  int user() const { return user_; }

 private:
  Link(Fd socket, Carrier carrier) : socket_(std::move(socket)), carrier_(carrier) {}
  Error gone(std::string why);
  /// Waits until the socket is ready for `events`; false: the deadline is over.
  Result<bool> wait(short events, const Deadline& deadline);
  /// Reads what is there. Errors: lab.link.
  Result<void> read_some();

  Fd socket_;
  Carrier carrier_;
  bool spoiled_ = false;  ///< by this end: no word about its carrier
  wire::FrameReader reader_;
  std::deque<wire::Message> pending_;
  std::string complaint_;
  std::string gone_;  ///< why the link can no longer be used; empty while it can
  int user_ = 0;
};

}  // namespace holdfast
