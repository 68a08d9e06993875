// Does the QMP client cope with what QEMU, or something that is not QEMU, may send?
#include "lab/qemu/qmp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <nlohmann/json.hpp>
#include <thread>

#include "harness/base/file.h"

namespace holdfast::lab {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr std::string_view kGreeting =
    R"({"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "x"}, "capabilities": ["oob"]}})"
    "\r\n";

Deadline soon() { return Deadline::after(std::chrono::seconds(20)); }

/// QEMU's side of the socket, in a thread: sends the greeting, then answers each command by `answer`.
class FakeQemu {
 public:
  using Answer = std::function<std::string(const json& request)>;

  explicit FakeQemu(Answer answer, std::string greeting = std::string(kGreeting)) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) std::abort();
    client_ = Fd(ends[1]);
    thread_ = std::thread([server = ends[0], answer = std::move(answer), greeting = std::move(greeting)] {
      const Fd socket(server);
      if (!write_all(socket.get(), greeting)) return;
      std::string line;
      char byte = 0;
      while (::recv(socket.get(), &byte, 1, 0) == 1) {
        line += byte;
        if (byte != '\n') continue;
        const json request = json::parse(line);
        const bool negotiation = request["execute"] == "qmp_capabilities";
        const std::string text = negotiation ? reply(request, json::object()) : answer(request);
        line.clear();
        if (text == "close") return;
        if (!write_all(socket.get(), text)) return;
      }
    });
  }
  ~FakeQemu() {
    client_.reset();
    thread_.join();
  }
  Fd client() { return std::move(client_); }

  static std::string reply(const json& request, const json& value) {
    return json{{"return", value}, {"id", request["id"]}}.dump() + "\r\n";
  }

 private:
  Fd client_;
  std::thread thread_;
};

TEST(Qmp, GreetsAndAsksForTheStatus) {
  FakeQemu qemu([](const json& request) {
    EXPECT_EQ(request["execute"], "query-status");
    return FakeQemu::reply(request, {{"running", true}, {"status", "running"}});
  });
  auto qmp = Qmp::open(qemu.client(), soon());
  ASSERT_TRUE(qmp);
  EXPECT_EQ(qmp->version(), "7.2.22");
  EXPECT_EQ(*qmp->status(soon()), "running");
}

TEST(Qmp, PassesArgumentsAndGivesTheAnswer) {
  FakeQemu qemu([](const json& request) { return FakeQemu::reply(request, request["arguments"]); });
  auto qmp = Qmp::open(qemu.client(), soon());
  EXPECT_EQ(json::parse(*qmp->execute("x", R"({"a":[1,"b"]})", soon())), json::parse(R"({"a":[1,"b"]})"));
}

TEST(Qmp, KeepsEventsThatComeBetween) {
  FakeQemu qemu([](const json& request) {
    return R"({"timestamp": {}, "event": "STOP"})"
           "\n" +
           FakeQemu::reply(request, {{"status", "paused"}}) +
           R"({"timestamp": {}, "event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-reset"}})"
           "\n";
  });
  auto qmp = Qmp::open(qemu.client(), soon());
  EXPECT_FALSE(qmp->next_event());
  EXPECT_EQ(*qmp->status(soon()), "paused");
  EXPECT_EQ(qmp->next_event()->name, "STOP");
  while (!qmp->shutdown_reason()) qmp->take_in();
  EXPECT_EQ(*qmp->shutdown_reason(), "guest-reset");
  EXPECT_EQ(json::parse(qmp->next_event()->data)["guest"], true);
}

TEST(Qmp, ReadsEventsOfAQemuThatIsGone) {
  auto qemu = std::make_unique<FakeQemu>([](const json&) {
    return R"({"event": "SHUTDOWN", "data": {"reason": "guest-shutdown"}})"
           "\n";
  });
  auto qmp = Qmp::open(qemu->client(), soon());
  EXPECT_FALSE(qmp->execute("quit", {}, Deadline::after(Millis(50))));
  EXPECT_EQ(qmp->shutdown_reason(), "guest-shutdown");
}

TEST(Qmp, SaysWhatQemuRefused) {
  FakeQemu qemu([](const json& request) {
    return json{{"error", {{"class", "CommandNotFound"}, {"desc", "no such thing"}}}, {"id", request["id"]}}.dump() +
           "\n";
  });
  auto qmp = Qmp::open(qemu.client(), soon());
  const auto answer = qmp->execute("x", {}, soon());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().type(), "lab.qmp");
  EXPECT_THAT(answer.error().what, HasSubstr("no such thing"));
}

TEST(Qmp, DropsALateAnswerToAnEarlierCommand) {
  int commands = 0;
  std::string late;
  FakeQemu qemu([&](const json& request) {
    if (++commands == 1) {
      late = FakeQemu::reply(request, {{"status", "late"}});
      return std::string();
    }
    return late + FakeQemu::reply(request, {{"status", "running"}});
  });
  auto qmp = Qmp::open(qemu.client(), soon());
  EXPECT_EQ(qmp->status(Deadline::after(Millis(50))).error().type(), "lab.timeout");
  EXPECT_EQ(*qmp->status(soon()), "running");
}

TEST(Qmp, SaysThatQemuIsGone) {
  FakeQemu qemu([](const json&) { return std::string("close"); });
  auto qmp = Qmp::open(qemu.client(), soon());
  EXPECT_EQ(qmp->status(soon()).error().type(), "lab.qmp");
  EXPECT_EQ(qmp->status(soon()).error().type(), "lab.qmp");
}

TEST(Qmp, RefusesWhatIsNoQmp) {
  for (const std::string greeting : {"hello\n", "[1]\n", "{}\n", "{\"QMP\": 3}\n", "{\"QMP\": \n"}) {
    FakeQemu qemu([](const json&) { return std::string("close"); }, greeting);
    const auto qmp = Qmp::open(qemu.client(), Deadline::after(std::chrono::seconds(5)));
    EXPECT_EQ(qmp.ok(), greeting.starts_with("{\"QMP\": 3")) << greeting;  // the version is only for reports
  }
}

TEST(Qmp, EndsAtTheDeadlineWhenNothingComes) {
  FakeQemu qemu([](const json&) { return std::string(); }, "");
  const auto qmp = Qmp::open(qemu.client(), Deadline::after(Millis(50)));
  EXPECT_EQ(qmp.error().type(), "lab.timeout");
}

TEST(Qmp, TakesALongLineInManyPieces) {
  const std::string big(3 << 20, 'x');
  FakeQemu qemu([&](const json& request) { return FakeQemu::reply(request, {{"big", big}}); });
  auto qmp = Qmp::open(qemu.client(), soon());
  EXPECT_EQ(json::parse(*qmp->execute("x", {}, soon()))["big"], big);
}

TEST(Qmp, WaitsForTheEventThatIsNamed) {
  FakeQemu qemu([](const json& request) {
    return std::string(R"({"event": "RTC_CHANGE", "data": {}})") + "\n" + FakeQemu::reply(request, json::object()) +
           R"({"event": "DEVICE_DELETED", "data": {"device": "nic", "path": "/x"}})" + "\n";
  });
  auto qmp = Qmp::open(qemu.client(), soon());
  ASSERT_TRUE(qmp);
  ASSERT_TRUE(qmp->execute("device_del", R"({"id":"nic"})", soon()));
  const auto event = qmp->await_event({"DEVICE_DELETED", "DEVICE_UNPLUG_GUEST_ERROR"}, soon());
  ASSERT_TRUE(event) << event.error().what;
  EXPECT_EQ(event->name, "DEVICE_DELETED");
  EXPECT_THAT(event->data, HasSubstr(R"("device":"nic")"));
}

TEST(Qmp, EndsTheWaitForAnEventWithTheDeadlineOrTheSocket) {
  FakeQemu qemu([](const json&) { return std::string("close"); });
  auto qmp = Qmp::open(qemu.client(), soon());
  ASSERT_TRUE(qmp);
  EXPECT_EQ(qmp->await_event({"DEVICE_DELETED"}, Deadline::after(Millis(50))).error().kind, "timeout");
  EXPECT_FALSE(qmp->execute("device_del", "", soon()));
  EXPECT_EQ(qmp->await_event({"DEVICE_DELETED"}, soon()).error().type(), "lab.qmp");
}

/// A client of something that says this and hangs up.
Result<Qmp> client_of(const std::string& bytes) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) std::abort();
  const Fd qemu(ends[0]);
  std::jthread writer([&] {
    static_cast<void>(write_all(qemu.get(), bytes));
    ::shutdown(qemu.get(), SHUT_WR);
  });
  auto qmp = Qmp::open(Fd(ends[1]), soon());
  if (qmp) qmp->take_in();
  writer.join();
  return qmp;
}

const std::string kBegun = std::string(kGreeting) + R"({"return": {}, "id": 1})" + "\n";

TEST(Qmp, BearsEmptyLinesWithoutEnd) {
  auto qmp = client_of(kBegun + std::string(300'000, '\n') + R"({"event": "STOP"})" + "\n");
  ASSERT_TRUE(qmp);
  EXPECT_EQ(qmp->await_event({"STOP"}, soon())->name, "STOP");
}

TEST(Qmp, TakesNoTextOfBracketsAlone) {
  const std::string deep(1'000'000, '[');
  auto qmp = client_of(kBegun + R"({"event": "STOP", "data": {"a": )" + deep + "\n" + R"({"event": "RESUME"})" + "\n");
  ASSERT_TRUE(qmp);
  EXPECT_EQ(qmp->next_event()->name, "RESUME");
  EXPECT_EQ(client_of(R"({"QMP": )" + deep + "\n").error().type(), "lab.qmp");
}

TEST(Qmp, KeepsNoEventAsLongAsItLikes) {
  const std::string data(1'000'000, 'x');
  auto qmp = client_of(kBegun + R"({"event": "STOP", "data": {"a": ")" + data + "\"}}\n");
  ASSERT_TRUE(qmp);
  const auto event = qmp->next_event();
  ASSERT_TRUE(event);
  EXPECT_LT(event->data.size(), 100'000U);
}

}  // namespace
}  // namespace holdfast::lab
