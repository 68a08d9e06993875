// How is somebody's terminal put on a console?
#pragma once

#include <termios.h>

#include <optional>
#include <string>
#include <string_view>

#include "harness/base/deadline.h"
#include "harness/base/fd.h"
#include "harness/base/result.h"

namespace holdfast::lab {

/// A terminal that hands on each key as it is pressed, Ctrl-C among them. It is as it was before when this object is
/// destroyed, and when one of the signals that end a program comes and nobody handles it. One at a time. What is no
/// terminal is left as it is. Move-only.
class RawTerminal {
 public:
  static Result<RawTerminal> enter(int fd);
  RawTerminal(RawTerminal&& other) noexcept;
  RawTerminal& operator=(RawTerminal&&) = delete;
  ~RawTerminal();

 private:
  RawTerminal() = default;
  bool active_ = false;
};

/// Takes what is typed apart into what is meant for the machine and what ends the session: "~." at the beginning of a
/// line. "~~" there is one tilde.
class EscapeFilter {
 public:
  /// What goes on to the machine; nothing of what comes behind the "~.".
  std::string pass(std::string_view typed);
  bool ended() const { return ended_; }

 private:
  enum class State { kLineStart, kTilde, kWithin };
  State state_ = State::kLineStart;
  bool ended_ = false;
};

/// Why an attached terminal came off: kTyped "~.", kClosed by the console's side, kInput at its end, kStopped.
enum class Detached { kTyped, kClosed, kInput, kStopped };

/// Copies between a terminal and a console's socket until one of these. The terminal is raw meanwhile, and gets what a
/// TerminalFilter lets through; an output that is none gets every byte. Errors: lab.io.
Result<Detached> attach_terminal(int input, int output, Fd console, const Stop& stop);

}  // namespace holdfast::lab
