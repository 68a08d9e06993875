// What did the kernel log since a given record?
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "harness/base/result.h"
#include "harness/wire/verbs_system.h"

namespace holdfast::agent {

/// One record of /dev/kmsg.
struct LogRecord {
  unsigned priority = 0;  ///< facility and level, as in "<6>"
  uint64_t seq = 0;
  uint64_t microseconds = 0;
  bool fragment = false;  ///< belongs to one line with its neighbours
  std::string text;       ///< control characters as themselves; the dictionary that may follow is left out
};

/// Source: Documentation/ABI/testing/dev-kmsg of Linux 7.3. Nothing when `record` is not of that form.
std::optional<LogRecord> parse_log_record(std::string_view record);

/// Collects records as text lines "<6>[   12.345678] text", up to a size.
class LogText {
 public:
  explicit LogText(size_t cap) : cap_(cap) {}
  /// False when the record does not fit any more.
  bool add(const LogRecord& record);
  /// The whole text, ending with a newline unless empty.
  std::string take();

 private:
  size_t cap_;
  std::string text_;
  bool open_line_ = false;
};

/// Errors: the kernel's, of /dev/kmsg.
Result<wire::KmsgReply> read_kernel_log(uint64_t from_seq);

}  // namespace holdfast::agent
