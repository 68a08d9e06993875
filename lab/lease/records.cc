// What stands in the files that say who may use a host?
//
// Each struct lists its members once, in a function `fields`; a Writer and a Reader are taken through the same list.
#include "lab/lease/records.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

#include "harness/base/text.h"

namespace holdfast::lab {
namespace {

using Json = nlohmann::json;
using Wall = LeaseClock::Wall;

template <class Given, class T>
concept As = std::same_as<std::remove_const_t<Given>, T>;

template <class Visitor>
void fields(Visitor& visit, As<LeaseRecord> auto& record) {
  visit("user", record.owner.user);
  visit("host", record.owner.host);
  visit("pid", record.owner.pid);
  visit("start", record.owner.start);
  visit("boot_id", record.owner.boot_id);
  visit("space", record.owner.space);
  visit("purpose", record.purpose);
  visit("run_dir", record.run_dir);
  visit("console", record.console);
  visit("token", record.token);
  visit("taken_at", record.taken_at);
  visit("taken_since_boot_ms", record.taken_since_boot);
  visit("expiry_ms", record.expiry);
}
template <class Visitor>
void fields(Visitor& visit, As<Beat> auto& beat) {
  visit("token", beat.token);
  visit("count", beat.count);
  visit("heartbeat_at", beat.at);
  visit("since_boot_ms", beat.since_boot);
}
template <class Visitor>
void fields(Visitor& visit, As<Reservation> auto& reservation) {
  visit("user", reservation.user);
  visit("host", reservation.host);
  visit("why", reservation.why);
  visit("since", reservation.since);
  visit("until", reservation.until);
}
template <class Visitor>
void fields(Visitor& visit, As<Quarantine> auto& quarantine) {
  visit("why", quarantine.why);
  visit("run", quarantine.run);
  visit("rung", quarantine.rung);
  visit("since", quarantine.since);
}

class Writer {
 public:
  void operator()(const char* name, const std::string& text) { object_[name] = printable(text); }
  void operator()(const char* name, const std::filesystem::path& path) { object_[name] = printable(path.string()); }
  void operator()(const char* name, Millis span) { object_[name] = span.count(); }
  void operator()(const char* name, Wall time) {
    object_[name] = std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  }
  void operator()(const char* name, std::integral auto number) { object_[name] = number; }
  std::string text() const { return object_.dump(2) + "\n"; }

 private:
  Json object_ = Json::object();
};

/// The first thing that is wrong is remembered, and the rest left alone.
class Reader {
 public:
  explicit Reader(const Json& object) : object_(object) {}

  void operator()(const char* name, std::string& text) {
    if (const Json* found = member(name, "a string", &Json::is_string)) text = found->get_ref<const std::string&>();
  }
  void operator()(const char* name, std::filesystem::path& path) {
    std::string text;
    (*this)(name, text);
    path = text;
  }
  void operator()(const char* name, std::integral auto& number) {
    // A negative or too large number would wrap into one that looks right.
    const Json* found = member(name, "a whole number", &Json::is_number_unsigned);
    if (found == nullptr) return;
    const auto value = found->get<uint64_t>();
    if (!std::in_range<std::remove_reference_t<decltype(number)>>(value)) {
      problem_ = fmt::format("\"{}\" is out of range", name);
      return;
    }
    number = static_cast<std::remove_reference_t<decltype(number)>>(value);
  }
  void operator()(const char* name, Millis& span) {
    Millis::rep count = 0;
    (*this)(name, count);
    span = Millis(count);
  }
  void operator()(const char* name, Wall& time) {
    uint32_t seconds = 0;  // within what a time point can hold
    (*this)(name, seconds);
    time = Wall(std::chrono::seconds(seconds));
  }
  const std::string& problem() const { return problem_; }

 private:
  const Json* member(const char* name, std::string_view wanted, bool (Json::*is)() const noexcept) {
    if (!problem_.empty()) return nullptr;
    const auto found = object_.find(name);
    if (found != object_.end() && ((*found).*is)()) return &*found;
    problem_ = fmt::format("\"{}\" is {} {}", name, found == object_.end() ? "missing:" : "not", wanted);
    return nullptr;
  }

  const Json& object_;
  std::string problem_;
};

template <class T>
std::string written(const T& record) {
  Writer writer;
  fields(writer, record);
  return writer.text();
}

template <class T>
Result<T> parsed(std::string_view text, std::string_view what) {
  const Json object = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  std::string problem = "no JSON object";
  if (object.is_object()) {
    T record;
    Reader reader(object);
    fields(reader, record);
    if (reader.problem().empty()) return record;
    problem = reader.problem();
  }
  return lab_error("lease-file", fmt::format("the {} cannot be read: {}", what, problem))
      .with("content", printable(text.substr(0, 400)));
}

}  // namespace

std::string to_json(const LeaseRecord& record) { return written(record); }
std::string to_json(const Beat& beat) { return written(beat); }
std::string to_json(const Reservation& reservation) { return written(reservation); }
std::string to_json(const Quarantine& quarantine) { return written(quarantine); }

Result<LeaseRecord> parse_lease(std::string_view text) { return parsed<LeaseRecord>(text, "lease"); }
Result<Beat> parse_beat(std::string_view text) { return parsed<Beat>(text, "heartbeat"); }
Result<Reservation> parse_reservation(std::string_view text) { return parsed<Reservation>(text, "reservation"); }
Result<Quarantine> parse_quarantine(std::string_view text) { return parsed<Quarantine>(text, "quarantine"); }

}  // namespace holdfast::lab
