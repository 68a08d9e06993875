// What of a console's bytes may somebody's terminal be given?
//
// A kernel that is broken, or what runs on it, may print anything, and a terminal does more than show: it answers
// questions (as if somebody had typed), sets the clipboard, prints, renames and resizes its window. Let through is what
// moves the cursor, colours and erases, so that an editor on the console works as ever.
#pragma once

#include <string>
#include <string_view>

namespace holdfast::lab {

/// Goes over the bytes in the order in which they come; where one piece ends and another begins makes no difference.
class TerminalFilter {
 public:
  /// What the terminal is to be given.
  std::string pass(std::string_view bytes);
  /// What makes it a terminal again in which one can read and type, after whatever was passed.
  std::string restore() const;

 private:
  enum class State {
    kText,
    kEscape,    ///< behind ESC
    kControl,   ///< within a control sequence: ESC [ ...
    kString,    ///< within a string that no terminal is to have; up to ST, BEL, or the end of the line
    kStringEsc  ///< behind an ESC in it
  };
  void text(std::string& out, unsigned char c);
  void escape(std::string& out, unsigned char c);
  void control(std::string& out, unsigned char c);
  void forget();

  State state_ = State::kText;
  std::string begun_;   ///< of a sequence, or of a character of several bytes
  size_t tail_ = 0;     ///< bytes still to come of a character
  bool other_ = false;  ///< the terminal shows its other screen
};

}  // namespace holdfast::lab
