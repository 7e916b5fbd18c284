import { AuditModule } from '#audit';
import { BuilderModule } from '#builder';
import { Clock } from '#kernel';
import { ObservabilityModule } from '#observability';
import { RegistryModule } from '#registry';
import { SessionStoreModule } from '#session-store';
import { type DynamicModule, Module, type ModuleMetadata, type Provider } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { MemberReach } from './catalog/member-reach.js';
import { NameJudge } from './catalog/name-judge.js';
import { ToolCatalog } from './catalog/tool-catalog.js';
import { Selections } from './catalog/selections.js';
import { Asking } from './eras/asking.js';
import { LegacyEra } from './eras/legacy-era.js';
import { LegacyStreams } from './eras/legacy-streams.js';
import { ListeningIds } from './eras/listening-ids.js';
import { SessionDoor } from './eras/session-door.js';
import { ModernAsking } from './eras/modern-asking.js';
import { ModernEra } from './eras/modern-era.js';
import { OfferedLists } from './eras/offered-lists.js';
import { CredentialFeed } from './consent/credential-feed.js';
import { CredentialNotices } from './consent/credential-notices.js';
import { Elicitations } from './consent/elicitations.js';
import { OpenElicitations } from './consent/open-elicitations.js';
import { gatewayConfig } from './gateway.config.js';
import { MembersController } from './http/members.controller.js';
import { AddedServers } from './management/added-servers.js';
import { AddedTools } from './management/added-tools.js';
import { CurlTools } from './management/curl-tools.js';
import { ManagementTools } from './management/management-tools.js';
import { NameSwitch } from './management/name-switch.js';
import { OfferedNames } from './management/offered-names.js';
import { OpenApiTools } from './management/openapi-tools.js';
import { OverlayTools } from './management/overlay-tools.js';
import { PromptTools } from './management/prompt-tools.js';
import { LayeredCalls } from './layered/layered-calls.js';
import { PreviewController } from './http/preview.controller.js';
import { PreviewTool } from './management/preview-tool.js';
import { ServerTools } from './management/server-tools.js';
import { ChangeStreams } from './mcp-endpoint/change-streams.js';
import { MemberAudience } from './mcp-endpoint/member-audience.js';
import { McpEndpoint } from './mcp-endpoint/mcp-endpoint.js';
import { ParkedCalls } from './parking/parked-calls.js';
import { ServerPreviews } from './preview/server-previews.js';
import { CallRecorder } from './router/call-recorder.js';
import { McpEntrance } from './mcp-endpoint/mcp-entrance.js';
import { OpenExchanges } from './mcp-endpoint/open-exchanges.js';
import type { ScopeChallenge } from './mcp-endpoint/scope-challenge.js';
import type { CallAdmission } from './router/call-admission.js';
import { MemberCalls } from './router/member-calls.js';
import { OfferRouter } from './router/offer-router.js';
import { OpenCalls } from './router/open-calls.js';
import { RequestRouter } from './router/request-router.js';
import { TaskRouter } from './router/task-router.js';
import { ToolRouter } from './router/tool-router.js';
import { ClientSessions } from './sessions/client-sessions.js';
import { EventIds } from './sessions/event-ids.js';
import { SessionPost } from './sessions/session-post.js';
import { ReplicatedSessions } from './sessions/replicated-sessions.js';
import { KeptStreams } from './streams/kept-streams.js';
import { Resumption } from './streams/resumption.js';
import { StoredStreams } from './streams/stored-streams.js';
import { StreamSource } from './streams/stream-source.js';
import { OpenQuestions } from './sessions/open-questions.js';
import { RequestStates } from './sessions/request-states.js';
import { ResourceSubscriptions } from './subscriptions/resource-subscriptions.js';
import { SessionSubscriptions } from './subscriptions/session-subscriptions.js';
import { SubscriptionRequests } from './subscriptions/subscription-requests.js';
import { TaskHandles } from './tasks/task-handles.js';
import { TaskReplies } from './tasks/task-replies.js';
import { TaskSubscriptions } from './tasks/task-subscriptions.js';
import type { SessionSeal } from './sessions/session-seal.js';

export interface GatewayOptions {
  /** Modules that the providers below need. */
  readonly imports: NonNullable<ModuleMetadata['imports']>;
  /** Provides `SessionSeal`: the gateway may not see the key ring, so the application hands in what it needs of it. */
  readonly seal: Provider<SessionSeal>;
  /** Provides `CallAdmission` and `ScopeChallenge`, for the same reason: the gateway does not know who calls. */
  readonly admission: Provider<CallAdmission>;
  readonly challenge: Provider<ScopeChallenge>;
  /** Provides `CredentialFeed`: the gateway holds no credential, but tells clients how they stand. */
  readonly credentials: Provider<CredentialFeed>;
}

/** The one MCP endpoint in front of all members. */
@Module({})
export class GatewayModule {
  static forRoot({ imports, seal, admission, challenge, credentials }: GatewayOptions): DynamicModule {
    return {
      module: GatewayModule,
      imports: [
        ...imports,
        ConfigModule.forFeature(gatewayConfig),
        AuditModule,
        BuilderModule,
        ObservabilityModule,
        RegistryModule,
        SessionStoreModule,
      ],
      controllers: [MembersController, PreviewController],
      providers: [
        McpEndpoint,
        McpEntrance,
        OpenExchanges,
        OpenCalls,
        Selections,
        LegacyEra,
        LegacyStreams,
        ListeningIds,
        SessionDoor,
        ModernEra,
        OfferedLists,
        Asking,
        ModernAsking,
        ParkedCalls,
        RequestStates,
        OpenQuestions,
        ToolCatalog,
        MemberReach,
        NameJudge,
        RequestRouter,
        ToolRouter,
        LayeredCalls,
        OfferRouter,
        TaskRouter,
        TaskHandles,
        TaskReplies,
        TaskSubscriptions,
        MemberCalls,
        CallRecorder,
        ChangeStreams,
        MemberAudience,
        ResourceSubscriptions,
        SubscriptionRequests,
        ClientSessions,
        ReplicatedSessions,
        SessionPost,
        EventIds,
        KeptStreams,
        StoredStreams,
        StreamSource,
        Resumption,
        SessionSubscriptions,
        ManagementTools,
        ServerTools,
        AddedServers,
        AddedTools,
        CurlTools,
        NameSwitch,
        OfferedNames,
        OpenApiTools,
        OverlayTools,
        PromptTools,
        PreviewTool,
        ServerPreviews,
        Clock,
        seal,
        admission,
        challenge,
        credentials,
        Elicitations,
        OpenElicitations,
        CredentialNotices,
      ],
      exports: [CredentialFeed, McpEndpoint, MemberReach, OpenExchanges],
    };
  }
}
