#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/cancel.h"
#include "errors.h"
#include "napi_config.h"

namespace densehybrid::addon {

// One piece of work. It is created and destroyed on the JS thread, and executed on the queue's thread in between.
class Job {
 public:
  virtual ~Job() = default;
  virtual void execute(const uint8_t* shutdown) = 0;  // compute thread; must not throw, must not touch JS
  virtual void settle(Napi::Env env) = 0;             // JS thread
};

// Runs jobs one after another on a thread of its own: libtorch's intra-op threads then form one team, and libuv's pool
// stays free for files and images. One queue per environment (main thread or worker thread).
class ComputeQueue {
 public:
  explicit ComputeQueue(Napi::Env env);
  ~ComputeQueue();
  ComputeQueue(const ComputeQueue&) = delete;
  ComputeQueue& operator=(const ComputeQueue&) = delete;

  void submit(std::unique_ptr<Job> job);
  // For at::set_num_threads, which is per thread and hence called at the start of each job.
  void set_threads(int threads) { threads_ = threads; }
  int threads() const { return threads_; }
  // Cancels what runs, drops what waits, joins the thread. JS thread; idempotent.
  void shutdown();

 private:
  void run();
  static void settle_finished(napi_env env, napi_value, void* context, void*);

  Napi::Env env_;
  napi_threadsafe_function wake_js_ = nullptr;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::unique_ptr<Job>> waiting_;
  std::deque<std::unique_ptr<Job>> finished_;
  size_t unsettled_ = 0;  // JS thread only
  std::atomic<int> threads_ = 0;
  bool closed_ = false;
  uint8_t shutdown_ = 0;
};

// A job whose result settles a promise. `work` runs on the queue and may throw; `convert` makes its result a JS value.
// `references` keep JS objects (typed arrays, wrappers) alive and unmoved while the job runs.
template <typename Result>
class PromiseJob : public Job {
 public:
  using Work = std::function<Result(const CancelToken&)>;
  using Convert = std::function<Napi::Value(Napi::Env, Result&)>;

  PromiseJob(Napi::Env env, std::vector<Napi::ObjectReference> references, const uint8_t* cancel_flag, Work work,
             Convert convert)
      : deferred_(Napi::Promise::Deferred::New(env)),
        references_(std::move(references)),
        cancel_flag_(cancel_flag),
        work_(std::move(work)),
        convert_(std::move(convert)) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

  void execute(const uint8_t* shutdown) override {
    try {
      const CancelToken cancel(cancel_flag_, shutdown);
      cancel.check();
      result_.emplace(work_(cancel));
    } catch (...) {
      error_ = describe_current_exception();
    }
    work_ = nullptr;
  }

  void settle(Napi::Env env) override {
    if (error_) {
      deferred_.Reject(to_js_error(env, *error_).Value());
      return;
    }
    try {
      deferred_.Resolve(convert_(env, *result_));
    } catch (const Napi::Error& error) {
      deferred_.Reject(error.Value());
    } catch (...) {
      deferred_.Reject(to_js_error(env, describe_current_exception()).Value());
    }
  }

 private:
  Napi::Promise::Deferred deferred_;
  std::vector<Napi::ObjectReference> references_;
  const uint8_t* cancel_flag_;
  Work work_;
  Convert convert_;
  std::optional<Result> result_;
  std::optional<ErrorInfo> error_;
};

}  // namespace densehybrid::addon
