// Which messages are in these console bytes?
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace holdfast::crash {

/// One message, without what printk and the console put around it. The views hold until the next one is read.
struct LogLine {
  std::string_view text;    ///< leading blanks kept: they mark stack frames
  std::string_view caller;  ///< "T1", "C0": who printed it, where the kernel says so (CONFIG_PRINTK_CALLER), else empty
  bool stamped = false;     ///< came from the kernel for certain: a time stamp stood before it
  std::string_view time = {};  ///< "12.345678", seconds since the kernel began, where a time stamp says so
  size_t offset = 0;           ///< of its first byte in the log
};

/// Reads a log message by message. Takes away ANSI escapes, NULs and other control bytes, "<6>" and /dev/kmsg prefixes,
/// time stamps and caller ids. A time stamp in the middle of a line begins a new message: user space had not ended its
/// line when the kernel spoke. Linear; of a message at most kLongest bytes are kept.
class LineReader {
 public:
  static constexpr size_t kLongest = 1024;

  /// `base` is the offset of the first byte of `log` in what the caller counts offsets of.
  explicit LineReader(std::string_view log, size_t base = 0) : log_(log), base_(base) {}
  /// False at the end. Never gives a message that is empty.
  bool next(LogLine& line);

 private:
  std::string_view piece();
  std::string_view clean(std::string_view raw);

  std::string_view log_;
  size_t base_;
  size_t at_ = 0;
  size_t newline_ = 0;   ///< behind the next line feed
  size_t line_end_ = 0;  ///< behind the next line feed or carriage return
  std::array<char, kLongest> buffer_;
};

}  // namespace holdfast::crash
