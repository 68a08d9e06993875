// What comes over QEMU's control channel.
#include "lab/qemu/qmp.h"
#include "tools/fuzzing/spoken.h"
#include "tools/fuzzing/target.h"

namespace holdfast::fuzzing {
namespace {

void read(std::string_view bytes) {
  Spoken qemu = spoken(bytes);
  const Deadline soon = Deadline::after(Millis(2000));
  auto qmp = lab::Qmp::open(std::move(qemu.near), soon);
  if (!qmp) return;
  static_cast<void>(qmp->execute("device_add", R"({"id":"x"})", soon));
  static_cast<void>(qmp->status(soon));
  size_t events = 0;
  while (qmp->next_event()) promise(++events <= 1000, "at most a thousand events are kept");
  const auto event = qmp->await_event({"SHUTDOWN"}, soon);
  promise(!event || event->name == "SHUTDOWN", "the event that was waited for");
}

std::vector<std::string> seeds(const std::filesystem::path&) {
  const std::string greeting =
      R"({"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "x"}, "capabilities": ["oob"]}})"
      "\r\n"
      R"({"return": {}, "id": 1})"
      "\r\n";
  return {greeting,
          greeting + R"({"return": {}, "id": 2})" + "\r\n" + R"({"return": {"status": "running"}, "id": 3})" + "\r\n",
          greeting + R"({"error": {"class": "GenericError", "desc": "no"}, "id": 2})" + "\r\n\r\n" +
              R"({"timestamp": {}, "event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-reset"}})" + "\n",
          greeting + R"({"event": "STOP"})" + "\n" + R"({"event": "DEVICE_DELETED", "data": {"device": "d"}})" + "\n"};
}

}  // namespace

Target qmp_target() { return {.name = "qmp", .read = read, .seeds = seeds}; }

}  // namespace holdfast::fuzzing
