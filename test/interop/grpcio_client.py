"""Calls the evaluation service with grpcio, and prints what came back: one line of JSON for each step."""

import json
import sys

import grpc
from google.protobuf.json_format import MessageToDict, ParseDict
from google.rpc import error_details_pb2
from google.rpc import status_pb2
from vexil.v1 import evaluation_pb2 as messages
from vexil.v1 import evaluation_pb2_grpc as services

PATIENCE_S = 20


def main():
    options = json.loads(sys.argv[1])
    with channel_to(options) as channel:
        service = services.EvaluationServiceStub(channel)
        context = {"targetingKey": "anna", "attributes": {"plan": "pro", "age": 31, "tags": ["a", None]}}
        question = {"flagKey": "checkout", "context": context}
        show("evaluate", service.Evaluate, messages.EvaluateRequest, question, options)
        show("missing", service.Evaluate, messages.EvaluateRequest, {"flagKey": "nope"}, options)
        show("evaluate_all", service.EvaluateAll, messages.EvaluateAllRequest, {"context": context}, options)
        hello = {"protocolVersion": 1, "context": context, "client": {"name": "grpcio", "version": grpc.__version__}}
        show("handshake", service.Handshake, messages.HandshakeRequest, hello, options)
        stranger = dict(options, token="vx_server_nope")
        show("stranger", service.Evaluate, messages.EvaluateRequest, question, stranger)
        typed = dict(question, expectedType="FLAG_TYPE_STRING")
        show("mismatch", service.Evaluate, messages.EvaluateRequest, typed, options)
        compression = grpc.Compression.Gzip
        large = {"context": {"attributes": {"text": "x" * 100000}}}
        show("compressed", service.EvaluateAll, messages.EvaluateAllRequest, large, options, compression)
        show_late(service, options)
        show_watch(service, options)
        show_stream(service, question, options)


def channel_to(options):
    if options.get("ca") is None:
        return grpc.insecure_channel(options["address"])
    with open(options["ca"], "rb") as file:
        return grpc.secure_channel(options["address"], grpc.ssl_channel_credentials(file.read()))


def metadata_of(options):
    return (("authorization", "Bearer " + options["token"]),)


def show(step, method, request, fields, options, compression=None):
    try:
        answer, call = method.with_call(
            ParseDict(fields, request()),
            timeout=PATIENCE_S,
            metadata=metadata_of(options),
            compression=compression,
        )
        say(step, code=call.code().name, answer=MessageToDict(answer))
    except grpc.RpcError as error:
        say(step, code=error.code().name, message=error.details(), reasons=reasons_in(error))


def show_late(service, options):
    request = ParseDict({"definitions": {}}, messages.WatchFlagsRequest())
    try:
        for _ in service.WatchFlags(request, timeout=0.5, metadata=metadata_of(options)):
            pass
        say("late", code="OK")
    except grpc.RpcError as error:
        say("late", code=error.code().name)


def show_watch(service, options):
    request = ParseDict({"definitions": {}}, messages.WatchFlagsRequest())
    call = service.WatchFlags(request, timeout=PATIENCE_S, metadata=metadata_of(options))
    kinds = []
    for answer in call:
        kinds.append(answer.WhichOneof("message"))
        if kinds[-1] == "snapshot_end":
            break
    call.cancel()
    say("watch", kinds=kinds, code=call.code().name)


def show_stream(service, question, options):
    ids = range(1, 101)
    requests = (ParseDict(dict(question, id=str(each)), messages.EvaluateStreamRequest()) for each in ids)
    answers = service.EvaluateStream(requests, timeout=PATIENCE_S, metadata=metadata_of(options))
    say("stream", ids=[answer.id for answer in answers] == list(ids), code=answers.code().name)


def reasons_in(error):
    found = []
    for key, value in error.trailing_metadata() or ():
        if key != "grpc-status-details-bin":
            continue
        for detail in status_pb2.Status.FromString(value).details:
            info = error_details_pb2.ErrorInfo()
            if detail.Unpack(info):
                found.append(info.reason)
    return found


def say(step, **what):
    print(json.dumps({"step": step, **what}), flush=True)


main()
