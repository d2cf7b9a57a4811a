#include "compute_queue.h"

#include <ATen/Parallel.h>

#include <chrono>

#include "common/caching_allocator.h"

namespace densehybrid::addon {

namespace {

// After this long without work the queue gives its spare memory back to the system.
constexpr std::chrono::seconds kIdleTime(5);

}  // namespace

ComputeQueue::ComputeQueue(Napi::Env env) : env_(env), threads_(at::get_num_threads()) {
  const Napi::String name = Napi::String::New(env, "densehybrid compute queue");
  napi_status status = napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this,
                                                       settle_finished, &wake_js_);
  if (status != napi_ok) throw to_js_error(env, {"INTERNAL", "Cannot create the compute queue.", ""});
  napi_unref_threadsafe_function(env, wake_js_);  // an idle queue does not keep the process alive
  thread_ = std::thread([this] { run(); });
}

ComputeQueue::~ComputeQueue() { shutdown(); }

void ComputeQueue::submit(std::unique_ptr<Job> job) {
  if (closed_) throw to_js_error(env_, {"INTERNAL", "The compute queue is shut down.", ""});
  if (unsettled_++ == 0) napi_ref_threadsafe_function(env_, wake_js_);
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(job));
  }
  ready_.notify_one();
}

void ComputeQueue::run() {
  for (;;) {
    std::unique_ptr<Job> job;
    {
      std::unique_lock lock(mutex_);
      const auto has_news = [this] { return __atomic_load_n(&shutdown_, __ATOMIC_RELAXED) != 0 || !waiting_.empty(); };
      if (!ready_.wait_for(lock, kIdleTime, has_news)) {
        release_all_blocks();
        ready_.wait(lock, has_news);
      }
      if (__atomic_load_n(&shutdown_, __ATOMIC_RELAXED) != 0) return;
      job = std::move(waiting_.front());
      waiting_.pop_front();
    }
    at::set_num_threads(threads_);
    job->execute(&shutdown_);
    release_stale_blocks();
    {
      const std::lock_guard lock(mutex_);
      finished_.push_back(std::move(job));
    }
    napi_call_threadsafe_function(wake_js_, nullptr, napi_tsfn_nonblocking);
  }
}

void ComputeQueue::settle_finished(napi_env env, napi_value, void* context, void*) {
  if (env == nullptr) return;  // the environment is being torn down; shutdown() drops the jobs
  auto* queue = static_cast<ComputeQueue*>(context);
  for (;;) {
    std::unique_ptr<Job> job;
    {
      const std::lock_guard lock(queue->mutex_);
      if (queue->finished_.empty()) return;
      job = std::move(queue->finished_.front());
      queue->finished_.pop_front();
    }
    const Napi::HandleScope scope(env);
    if (--queue->unsettled_ == 0) napi_unref_threadsafe_function(env, queue->wake_js_);
    job->settle(env);
  }
}

void ComputeQueue::shutdown() {
  if (closed_) return;
  closed_ = true;
  {
    const std::lock_guard lock(mutex_);
    __atomic_store_n(&shutdown_, 1, __ATOMIC_RELAXED);
  }
  ready_.notify_one();
  thread_.join();
  waiting_.clear();
  finished_.clear();
  napi_release_threadsafe_function(wake_js_, napi_tsfn_abort);
}

}  // namespace densehybrid::addon
