// By which mark is the crash in a verdict known again?
#include "harness/crash/fingerprint.h"

#include <algorithm>
#include <cctype>

#include "harness/base/text.h"

namespace holdfast {
namespace {

/// Words with a digit in them are addresses, times and counts: "0000:03:00.0", "12", "kexec-2".
std::string without_figures(std::string_view text) {
  constexpr size_t kMost = 120;
  std::string plain;
  for (const std::string_view word : split(text, ' ')) {
    const bool figure = std::ranges::any_of(word, [](unsigned char c) { return std::isdigit(c) != 0; });
    if (word.empty()) continue;
    if (!plain.empty()) plain += ' ';
    plain += figure ? std::string_view("#") : word;
  }
  return plain.substr(0, kMost);
}

}  // namespace

std::string fingerprint_of(const Verdict& verdict) {
  constexpr std::string_view kLabel = "fingerprint: ";
  for (const Evidence& evidence : verdict.evidence) {
    if (evidence.name != "crash") continue;
    for (const std::string_view line : split(evidence.text, '\n')) {
      if (line.starts_with(kLabel)) return std::string(line.substr(kLabel.size()));
    }
  }
  return {};
}

std::string fingerprint_of(const CaseSettled& settled) {
  std::string found = fingerprint_of(settled.verdict);
  for (auto attempt = settled.attempts.rbegin(); attempt != settled.attempts.rend() && found.empty(); ++attempt) {
    found = fingerprint_of(attempt->verdict);
  }
  return found;
}

std::string mark_of(const CaseSettled& settled) {
  const Verdict& verdict = settled.verdict;
  if (verdict.outcome == Outcome::kPassed) return {};
  const std::string fingerprint = fingerprint_of(settled);
  if (!fingerprint.empty()) return printable(verdict.type + " " + fingerprint);
  const std::string message = printable(verdict.message);
  return printable(verdict.type) + " " + without_figures(split(message, '\n').front());
}

}  // namespace holdfast
