// What of a console's bytes may somebody's terminal be given?
//
// Source: ECMA-48 (5th edition) sections 5.2 to 5.6 for the forms; xterm's ctlseqs for what terminals do with them.
#include "lab/terminal_filter.h"

#include <algorithm>

namespace holdfast::lab {
namespace {

constexpr char kEsc = '\x1b';
constexpr size_t kLongestSequence = 64;

/// Final bytes of control sequences that move, erase, insert, scroll, colour, and set tabs and modes. Not among them:
/// c and n (the terminal answers), t (its window), i (its printer), p, q, x, y (more questions).
constexpr std::string_view kHarmless = "@ABCDEFGHIJKLMPSTXZ`abdefghlmrsu";
/// The same behind a private mark. Others are questions, or make keys say something else than what is typed.
constexpr std::string_view kHarmlessPrivate = "hlJK";
/// Behind ESC alone: save and restore, keypad, index, tab, and single shifts.
constexpr std::string_view kHarmlessEscapes = "78=>DEHMNO";
/// Behind ESC, with one more byte: character sets, and DEC's line attributes.
constexpr std::string_view kWithOneMore = "()*+#";
/// Behind ESC, these begin a string: of a device, an operating system, an application, a title.
constexpr std::string_view kStrings = "P]X^_k";

bool contains(std::string_view some, unsigned char c) { return some.find(static_cast<char>(c)) != some.npos; }

/// `sequence` is whole: ESC [ parameters intermediates final.
bool harmless(std::string_view sequence) {
  const std::string_view middle = sequence.substr(2, sequence.size() - 3);
  const auto final = static_cast<unsigned char>(sequence.back());
  const auto is_parameter = [](char c) { return c >= '0' && c <= '?'; };
  if (std::ranges::all_of(middle, is_parameter)) {
    const bool is_private = !middle.empty() && middle.front() >= '<';
    return contains(is_private ? kHarmlessPrivate : kHarmless, final);
  }
  // With intermediates: the cursor's shape (SP q), and the soft reset (! p).
  return (middle.ends_with(' ') && final == 'q') || (middle == "!" && final == 'p');
}

/// Whether it turns to the screen that full-screen programs use, or from it.
bool about_other_screen(std::string_view sequence) {
  return sequence.starts_with("\x1b[?") && (sequence.ends_with('h') || sequence.ends_with('l')) &&
         (sequence.find("1049") != sequence.npos || sequence.find("47") != sequence.npos);
}

/// How many bytes follow the first of a character in UTF-8, or none.
size_t bytes_after(unsigned char lead) {
  if (lead >= 0xC2 && lead <= 0xDF) return 1;
  if (lead >= 0xE0 && lead <= 0xEF) return 2;
  if (lead >= 0xF0 && lead <= 0xF4) return 3;
  return 0;
}

}  // namespace

void TerminalFilter::forget() {
  begun_.clear();
  tail_ = 0;
  state_ = State::kText;
}

std::string TerminalFilter::pass(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes) {
    const auto c = static_cast<unsigned char>(byte);
    switch (state_) {
      case State::kText:
        text(out, c);
        break;
      case State::kEscape:
        escape(out, c);
        break;
      case State::kControl:
        control(out, c);
        break;
      case State::kString:
      case State::kStringEsc:
        // A kernel that died within one must not have hidden what comes after.
        if (c == '\n') out += "\r\n";
        if (c == '\n' || c == '\a' || (state_ == State::kStringEsc && c == '\\')) {
          forget();
        } else {
          state_ = byte == kEsc ? State::kStringEsc : State::kString;
        }
        break;
    }
  }
  return out;
}

void TerminalFilter::text(std::string& out, unsigned char c) {
  if (tail_ > 0 && (c & 0xC0U) == 0x80) {
    begun_ += static_cast<char>(c);
    if (--tail_ > 0) return;
    // U+0080 to U+009F are control characters as well, in two bytes.
    const bool is_control = begun_.size() == 2 && begun_[0] == '\xC2' && c < 0xA0;
    if (!is_control) out += begun_;
    begun_.clear();
    return;
  }
  forget();
  if (c == static_cast<unsigned char>(kEsc)) {
    begun_ = kEsc;
    state_ = State::kEscape;
  } else if (c >= 0x80) {
    tail_ = bytes_after(c);  // what is no UTF-8 may be a control character of one byte
    if (tail_ > 0) begun_ = static_cast<char>(c);
  } else if (c != 0x05) {  // ENQ: the terminal answers
    out += static_cast<char>(c);
  }
}

void TerminalFilter::escape(std::string& out, unsigned char c) {
  const bool second = begun_.size() == 1;
  if (c < 0x20 || c >= 0x7F) {
    forget();
    return text(out, c);
  }
  begun_ += static_cast<char>(c);
  if (second && c == '[') {
    state_ = State::kControl;
  } else if (second && contains(kStrings, c)) {
    forget();
    state_ = State::kString;
  } else if (second && c >= 0x20 && c <= 0x2F) {
    return;  // one more byte belongs to it
  } else {
    const bool good =
        second ? contains(kHarmlessEscapes, c) : contains(kWithOneMore, static_cast<unsigned char>(begun_[1]));
    if (good) out += begun_;
    forget();
  }
}

void TerminalFilter::control(std::string& out, unsigned char c) {
  if (c < 0x20 || c >= 0x7F || begun_.size() >= kLongestSequence) {
    forget();
    return text(out, c);
  }
  begun_ += static_cast<char>(c);
  if (c < 0x40) return;
  if (harmless(begun_)) {
    if (about_other_screen(begun_)) other_ = c == 'h';
    out += begun_;
  }
  forget();
}

std::string TerminalFilter::restore() const {
  // The first character set, no reports of the mouse, no marks around what is pasted, a soft reset: colours, cursor,
  // margins.
  return std::string(other_ ? "\x1b[?1049l" : "") +
         "\x0f\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[!p";
}

}  // namespace holdfast::lab
