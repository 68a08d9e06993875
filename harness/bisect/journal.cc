// What has a bisection done so far, so that a killed one can go on?
#include "harness/bisect/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "harness/base/file.h"
#include "harness/base/text.h"

namespace holdfast::bisect {
namespace {

using Json = nlohmann::json;

constexpr std::array kSeen = {std::pair(Seen::kFailed, "failed"), std::pair(Seen::kPassed, "passed"),
                              std::pair(Seen::kOther, "other"), std::pair(Seen::kLab, "lab")};

std::string name_of(Seen seen) {
  for (const auto& [value, name] : kSeen) {
    if (value == seen) return name;
  }
  return {};
}

Seen seen_from(const std::string& text) {
  for (const auto& [value, name] : kSeen) {
    if (text == name) return value;
  }
  return Seen::kLab;
}

struct ToJson {
  Json operator()(const Task& task) const {
    return {{"step", "begin"}, {"tree", task.tree}, {"good", task.good}, {"bad", task.bad}, {"filter", task.filter}};
  }
  Json operator()(const Sought& sought) const {
    return {{"step", "sought"},
            {"case", sought.key},
            {"type", sought.type},
            {"fingerprint", sought.fingerprint},
            {"message", sought.message}};
  }
  Json operator()(const BuildEntry& entry) const {
    return {{"step", "build"},
            {"commit", entry.commit},
            {"without", entry.without},
            {"kernel", entry.built.kernel},
            {"build_id", entry.built.build_id},
            {"untestable", entry.built.untestable},
            {"config_changes", entry.built.config_changes},
            {"ahead_seconds", entry.built.ahead_seconds},
            {"seconds", entry.seconds}};
  }
  Json operator()(const RunEntry& entry) const {
    return {{"step", "run"},
            {"commit", entry.commit},
            {"without", entry.without},
            {"seen", name_of(entry.judged.seen)},
            {"told", entry.judged.told},
            {"boots", entry.judged.boots},
            {"never", entry.judged.never},
            {"seconds", entry.seconds}};
  }
};

Entry entry_from(const Json& json) {
  const auto text = [&](const char* key) { return json.at(key).get<std::string>(); };
  const std::string step = text("step");
  if (step == "begin") {
    return Task{.tree = text("tree"), .good = text("good"), .bad = text("bad"), .filter = text("filter")};
  }
  if (step == "sought") {
    return Sought{
        .key = text("case"), .type = text("type"), .fingerprint = text("fingerprint"), .message = text("message")};
  }
  if (step == "build") {
    return BuildEntry{.commit = text("commit"),
                      .without = json.at("without"),
                      .built = {.kernel = text("kernel"),
                                .build_id = text("build_id"),
                                .untestable = text("untestable"),
                                .config_changes = json.at("config_changes"),
                                .ahead_seconds = json.at("ahead_seconds")},
                      .seconds = json.at("seconds")};
  }
  return RunEntry{.commit = text("commit"),
                  .without = json.at("without"),
                  .judged = {.seen = seen_from(text("seen")),
                             .told = text("told"),
                             .boots = json.at("boots"),
                             .never = json.at("never")},
                  .seconds = json.at("seconds")};
}

}  // namespace

Result<Journal> Journal::open(const std::filesystem::path& file, bool go_on) {
  if (go_on) {
    // A line that was cut would otherwise spoil the next one.
    const std::string text = TRY(read_file(file));
    const size_t whole = text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1;
    if (whole < text.size()) TRY(write_file_atomic(file, std::string_view(text).substr(0, whole)));
  }
  return Journal(TRY(open_file(file, O_WRONLY | O_CREAT | O_APPEND | (go_on ? 0 : O_TRUNC))));
}

Result<void> Journal::add(const Entry& entry) {
  const Json json = std::visit(ToJson{}, entry);
  TRY(write_all(fd_.get(), json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"));
  if (::fdatasync(fd_.get()) != 0 && errno != EINVAL) return system_error("sync the journal of the bisection", errno);
  return {};
}

Result<std::vector<Entry>> read_journal(const std::filesystem::path& file) {
  std::vector<Entry> entries;
  const std::string text = TRY(read_file(file));
  const std::vector<std::string_view> lines = split(text, '\n');
  for (size_t i = 0; i + 1 < lines.size(); ++i) {  // behind the last newline there is nothing, or a line that was cut
    try {
      entries.push_back(entry_from(Json::parse(lines[i])));
    } catch (const Json::exception& error) {
      return usage_error(fmt::format("{}, line {}: {}", file.string(), i + 1, error.what()))
          .because("begin again without --resume");
    }
  }
  return entries;
}

}  // namespace holdfast::bisect
