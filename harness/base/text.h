// Small questions about text: pieces, closeness, safe printing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

std::vector<std::string_view> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
/// The parts that are not empty, with a space between each two.
std::string join_words(std::vector<std::string> words);

/// Whole-text number, or nothing. `base` as for strtoull; a 0x prefix is accepted for 16.
std::optional<uint64_t> parse_u64(std::string_view text, int base = 10);

/// The candidate with the smallest edit distance to `word`, or nothing when none is close enough to be meant.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates);

/// Shell-style match: `*` any run, `?` one character. The whole of `text` must match.
bool glob_match(std::string_view pattern, std::string_view text);

/// One argv element, quoted so that a POSIX shell reads it back as it is.
std::string shell_quote(std::string_view word);
std::string shell_quote(const std::vector<std::string>& argv);

/// "EBUSY" for EBUSY; "errno 512" for one without a name.
std::string errno_name(int errnum);

/// Only what XML 1.0 and a terminal can carry: valid UTF-8 without control characters but tab and newline; whatever
/// else is there appears as an escape like \x1b. CR LF becomes LF.
std::string printable(std::string_view bytes);

/// The last `count` lines.
std::string_view last_lines(std::string_view text, size_t count);

}  // namespace holdfast
